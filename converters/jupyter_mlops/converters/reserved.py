"""Names that mean something to a language itself, and so can't be parameters there."""

from __future__ import annotations

import re


def _words(words: str, more: str = "") -> re.Pattern[str]:
    return re.compile("|".join([*words.split(), *([more] if more else [])]))


PYTHON = re.compile("__debug__")

# Assigning these makes bash do something: run code at the next prompt, evaluate arithmetic,
# split words elsewhere, or fail since they are read-only.
BASH = _words(
    "case coproc do done elif else esac fi for function if in select then until while time "
    "PATH IFS ENV HOME OLDPWD PWD SHELL SHELLOPTS CDPATH GLOBIGNORE EXECIGNORE FIGNORE DIRSTACK "
    "RANDOM SRANDOM SECONDS LINENO OPTIND OPTARG OPTERR HISTCMD HISTFILE HISTCONTROL HISTIGNORE "
    "HISTSIZE HISTFILESIZE HISTTIMEFORMAT EPOCHSECONDS EPOCHREALTIME EUID UID PPID GROUPS FUNCNAME "
    "FUNCNEST PIPESTATUS PROMPT_COMMAND PROMPT_DIRTRIM POSIXLY_CORRECT TMOUT TIMEFORMAT MAIL "
    "MAILPATH MAILCHECK INPUTRC IGNOREEOF REPLY MAPFILE READLINE_LINE READLINE_POINT "
    "READLINE_MARK READLINE_ARGUMENT LANG EMACS INSIDE_EMACS CHILD_MAX COLUMNS LINES HOSTFILE "
    "auto_resume histchars _",
    r"PS[0-4]|BASH_?\w*|BASHOPTS|COMP_\w+|COMPREPLY|COPROC|LC_\w+|LD_\w+|DYLD_\w+",
)
R = _words(
    "if else repeat while function for next break TRUE FALSE NULL Inf NaN in",
    r"NA(_\w+_)?",
)
JULIA = _words(
    "baremodule begin break catch const continue do else elseif end export false finally for "
    "function global if import in isa let local macro module public quote return struct true try "
    "using where while nothing Inf NaN Any Dict String"
)
JAVASCRIPT = _words(
    "arguments await break case catch class const continue debugger default delete do else enum "
    "eval export extends false finally for function if implements import in instanceof interface "
    "let new null package private protected public return static super switch this throw true try "
    "typeof var void while with yield undefined NaN Infinity BigInt"
)
SCALA = _words(
    "abstract case catch class def do else enum export extends false final finally for forSome "
    "given if implicit import lazy macro match new null object override package private protected "
    "return sealed super then this throw trait true try type val var while with yield Double Map "
    "Seq BigInt _"
)
CSHARP = _words(
    "abstract as base bool break byte case catch char checked class const continue decimal default "
    "delegate do double else enum event explicit extern false finally fixed float for foreach goto "
    "if implicit in int interface internal is lock long namespace new null object operator out "
    "override params private protected public readonly ref return sbyte sealed short sizeof "
    "stackalloc static string struct switch this throw true try typeof uint ulong unchecked unsafe "
    "ushort using virtual void volatile while"
)
FSHARP = _words(
    "abstract and as assert base begin class default delegate do done downcast downto elif else "
    "end exception extern false finally fixed for fun function global if in inherit inline "
    "interface internal lazy let match member module mutable namespace new not null of open or "
    "override private public rec return select sig static struct then to true try type upcast use "
    "val void when while with yield box nan infinity Map _"
)
MATLAB = _words(
    "break case catch classdef continue do else elseif end end_try_catch end_unwind_protect endfor "
    "endfunction endif endswitch endwhile for function global if otherwise parfor persistent "
    "return spmd switch try until unwind_protect unwind_protect_cleanup while char containers NaN "
    "Inf true false",
    r"_\w*",
)
POWERSHELL = re.compile(
    "true|false|null|args|input|this|home|host|pid|profile|pshome|psversiontable|executioncontext|"
    "shellid|error|matches|_|stacktrace|myinvocation|psscriptroot|pscommandpath|psboundparameters|"
    r"is\w+|ps\w*preference|\w+preference|psdefaultparametervalues",
    re.IGNORECASE,
)
