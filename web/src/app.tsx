import { useState } from 'preact/hooks';
import { Dashboard } from './dashboard';
import { SignIn } from './sign-in';
import { storeSession, storedSession, type Session } from './session';

export const App = () => {
  const [session, setSession] = useState<Session | undefined>(storedSession);
  const begin = (opened: Session): void => {
    storeSession(opened);
    setSession(opened);
  };
  const end = (): void => {
    storeSession(undefined);
    setSession(undefined);
  };
  return session ? <Dashboard session={session} onEnd={end} /> : <SignIn onSignedIn={begin} />;
};
