/** The program of the password thread: hashes and checks one password after another. */
import { parentPort } from 'node:worker_threads';
import { compareSync, hashSync } from 'bcrypt';
import { BCRYPT_COST, type PasswordAnswer, type PasswordTask } from './password.js';

/** Of no password that anybody knows: checking against it takes as long as against a real one. */
const nobodys = hashSync(Math.random().toString(), BCRYPT_COST);

const work = ({ password, against }: PasswordTask): string | boolean => {
  if (against === undefined) return hashSync(password, BCRYPT_COST);
  const matches = compareSync(password, against ?? nobodys);
  return matches && against !== null;
};

parentPort?.on('message', (task: PasswordTask) => {
  let answer: PasswordAnswer;
  try {
    answer = { id: task.id, result: work(task) };
  } catch (error) {
    answer = { id: task.id, error: String(error) };
  }
  parentPort?.postMessage(answer);
});
