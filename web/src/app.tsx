import { useState } from 'preact/hooks';
import { Dashboard } from './dashboard.js';
import { SignIn } from './sign-in.js';
import { storeSession, storedSession, type Session } from './session.js';

export const App = () => {
  const [session, setSession] = useState<Session | undefined>(storedSession);
  /** The API key of a tenant registered here; kept nowhere else. */
  const [apiKey, setApiKey] = useState<string>();
  const [notice, setNotice] = useState<string>();
  const begin = (opened: Session, key?: string): void => {
    storeSession(opened);
    setApiKey(key);
    setNotice(undefined);
    setSession(opened);
  };
  const end = (why?: string): void => {
    storeSession(undefined);
    setApiKey(undefined);
    setNotice(why);
    setSession(undefined);
  };
  return session ? (
    <Dashboard
      session={session}
      apiKey={apiKey}
      onSignOut={() => end()}
      onRefused={() => end('Your session has ended. Please sign in again.')}
    />
  ) : (
    <SignIn notice={notice} onSignedIn={begin} />
  );
};
