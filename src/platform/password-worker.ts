/** The program of the password thread: hashes and checks one password after another. */
import { compareSync, hashSync } from 'bcrypt';
import { BCRYPT_COST, type PasswordTask } from './password.js';
import { serveTasks } from './thread-pool.js';

/** Of no password that anybody knows: checking against it takes as long as against a real one. */
const nobodys = hashSync(Math.random().toString(), BCRYPT_COST);

serveTasks(({ password, against }: PasswordTask) => {
  if (against === undefined) return { result: hashSync(password, BCRYPT_COST) };
  const matches = compareSync(password, against ?? nobodys);
  return { result: matches && against !== null };
});
