import { useState } from 'preact/hooks';
import { Problem, register, signIn } from './api';
import type { Session } from './session';

/** Signs in, or registers a tenant: the first thing that somebody does after `npm start`. */
export const SignIn = ({ onSignedIn }: { onSignedIn: (session: Session) => void }) => {
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
    setIsBusy(true);
    setProblem(undefined);
    (isNew
      ? register(field('tenant_name'), field('email'), field('password'))
      : signIn(field('email'), field('password'))
    ).then(onSignedIn, (error: unknown) => {
      setProblem(error instanceof Problem ? error.message : 'Something went wrong; try again.');
      setIsBusy(false);
    });
  };

  return (
    <main class="sign-in">
      <h1>
        <img src="/icon.svg" alt="" width="36" height="36" /> PulseStream
      </h1>
      <form onSubmit={submit}>
        <h2>{isNew ? 'Register a tenant' : 'Sign in'}</h2>
        {isNew && (
          <label>
            Tenant
            <input name="tenant_name" required maxLength={100} autoComplete="organization" />
          </label>
        )}
        <label>
          E-mail
          <input name="email" type="email" required autoComplete="username" />
        </label>
        <label>
          Password
          <input
            name="password"
            type="password"
            required
            minLength={8}
            autoComplete={isNew ? 'new-password' : 'current-password'}
          />
        </label>
        {problem && (
          <p class="problem" role="alert">
            {problem}
          </p>
        )}
        <button class="primary" disabled={isBusy}>
          {isNew ? 'Register' : 'Sign in'}
        </button>
        <button type="button" class="link" onClick={() => setIsNew(!isNew)}>
          {isNew ? 'I have an account' : 'Register a new tenant'}
        </button>
      </form>
    </main>
  );
};
