import type { TranslationBundle } from '@jupyterlab/translation';

interface IFieldText {
  title: string;
  description?: string;
}

/**
 * Labels and help of the fields that we know, in the person's language; dotted path → texts.
 * A field of a newer server keeps the server's own.
 */
export function fieldTexts(
  trans: TranslationBundle
): Record<string, IFieldText | undefined> {
  return {
    name: {
      title: trans.__('Job name'),
      description: trans.__("The notebook's name when left empty.")
    },
    kernel: { title: trans.__('Kernel'), description: '' },
    timeout: {
      title: trans.__('Timeout'),
      description: trans.__('For one attempt; without limit when left empty.')
    },
    retries: {
      title: trans.__('Retries'),
      description: trans.__('New attempts after a failure.')
    },
    resources: { title: trans.__('Resources') },
    'resources.cpus': { title: trans.__('CPUs') },
    'resources.memory': {
      title: trans.__('Memory'),
      description: trans.__('The job fails above this; without limit when left empty.')
    },
    'resources.gpus': { title: trans.__('GPUs') },
    env: {
      title: trans.__('Environment'),
      description: trans.__(
        'One KEY=value a line. A bare KEY is taken from the server at the start, its value is never stored.'
      )
    },
    experiment: {
      title: trans.__('Experiment'),
      description: trans.__("In MLflow; the notebook's name when left empty.")
    },
    tags: {
      title: trans.__('Tags'),
      description: trans.__('One key=value a line, for the run in MLflow.')
    },
    output_dir: {
      title: trans.__('Output folder'),
      description: trans.__('"jobs" beside the notebook when left empty.')
    },
    warm_start: {
      title: trans.__('Warm start'),
      description: trans.__(
        "Start at once from a process that has the notebook's imports already."
      )
    }
  };
}
