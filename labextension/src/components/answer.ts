import * as React from 'react';

import { MlopsError } from '../api/client';

/** What came of a question to the server. */
export interface IAnswer<T> {
  /** Undefined until it has come; while it is asked again, what came before. */
  readonly value: T | undefined;
  /** Why it hasn't come. */
  readonly error: MlopsError | null;
  readonly retry: () => void;
}

/**
 * Ask when a component is there, and again whenever what it is about changes. An answer to an older
 * question, or to a component that is gone, is dropped.
 */
export function useAnswer<T>(
  ask: () => Promise<T>,
  about: React.DependencyList
): IAnswer<T> {
  const [value, setValue] = React.useState<T | undefined>(undefined);
  const [error, setError] = React.useState<MlopsError | null>(null);
  const [tries, setTries] = React.useState(0);
  React.useEffect(() => {
    let wanted = true;
    setError(null);
    ask().then(
      found => {
        if (wanted) {
          setValue(() => found);
        }
      },
      (problem: unknown) => {
        if (!(problem instanceof MlopsError)) {
          throw problem;
        }
        if (wanted) {
          setError(problem);
        }
      }
    );
    return () => {
      wanted = false;
    };
  }, [...about, tries]);
  return { value, error, retry: () => setTries(tries + 1) };
}
