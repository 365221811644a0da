import { useState } from 'preact/hooks';
import { register, signIn } from './api.js';
import { Problem } from './problem.js';
import type { Session } from './session.js';

interface SignInProps {
  /** Why the person is here again, where they did not ask to be. */
  readonly notice: string | undefined;
  readonly onSignedIn: (session: Session, api_key?: string) => void;
}

/** Signs in, or registers a tenant: the first thing that somebody does after `npm start`. */
export const SignIn = ({ notice, onSignedIn }: SignInProps) => {
  const [isNew, setIsNew] = useState(false);
  const [isBusy, setIsBusy] = useState(false);
  const [problem, setProblem] = useState<string>();

  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const field = (name: string): string => {
      const value = form.get(name);
      return typeof value === 'string' ? value : '';
    };
    const enter = async (): Promise<void> => {
      if (!isNew) {
        onSignedIn(await signIn(field('email'), field('password')));
        return;
      }
      const { session, api_key } = await register(field('tenant_name'), field('email'), field('password'));
      onSignedIn(session, api_key);
    };
    setIsBusy(true);
    setProblem(undefined);
    enter().catch((error: unknown) => {
      setProblem(error instanceof Problem ? error.message : 'Something went wrong; try again.');
      setIsBusy(false);
    });
  };

  const change = (): void => {
    setProblem(undefined);
    setIsNew(!isNew);
  };

  return (
    <main class="sign-in">
      <h1>
        <img src="/icon.svg" alt="" width="36" height="36" /> PulseStream
      </h1>
      <form onSubmit={submit} aria-busy={isBusy}>
        <h2>{isNew ? 'Register a tenant' : 'Sign in'}</h2>
        {notice && !problem && <p role="status">{notice}</p>}
        {isNew && (
          <label>
            Tenant
            <input name="tenant_name" required maxLength={200} autoComplete="organization" />
          </label>
        )}
        <label>
          E-mail
          <input name="email" type="email" required maxLength={254} autoComplete="username" />
        </label>
        <label>
          Password
          <input
            name="password"
            type="password"
            required
            // One that was set is checked as it is; only a new one has to be long enough.
            {...(isNew && { minLength: 8, 'aria-describedby': 'password-rule' })}
            autoComplete={isNew ? 'new-password' : 'current-password'}
          />
        </label>
        {isNew && <small id="password-rule">At least 8 characters; a sentence is best.</small>}
        {problem && (
          <p class="problem" role="alert">
            {problem}
          </p>
        )}
        <button class="primary" disabled={isBusy}>
          {isNew ? 'Register' : 'Sign in'}
        </button>
        <button type="button" class="link" onClick={change}>
          {isNew ? 'I have an account' : 'Register a new tenant'}
        </button>
      </form>
    </main>
  );
};
