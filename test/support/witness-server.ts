import { hash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readCheckpoint, type Checkpoint } from '../../src/domain/integrity/checkpoint.js';
import { verifyConsistency } from '../../src/domain/integrity/merkle.js';
import {
  checkSignature,
  cosign,
  noteKey,
  readNote,
  signatureLine,
  type NoteKey,
  type NoteSigner,
} from '../../src/domain/integrity/signed-note.js';
import { signingKey, verifyEd25519 } from '../../src/platform/signing.js';

const sha256 = (bytes: Uint8Array): Buffer => hash('sha256', bytes, 'buffer');

/** A witness as c2sp.org/tlog-witness has it, for one log, with what it has signed last in memory. */
export const startWitness = async (log: NoteKey) => {
  const { public_key, sign } = signingKey(Buffer.alloc(32, 0x77));
  const signer: NoteSigner = { key: noteKey(sha256, 'witness.example/w1', 4, public_key), sign };
  let latest: Checkpoint = { origin: log.name, size: 0, root: sha256(Buffer.alloc(0)) };
  const requests: string[] = [];
  /** Instead of the right signature. */
  let lie: ((line: string) => string) | undefined;

  const answer = (body: string): { readonly status: number; readonly text: string } => {
    const end = body.indexOf('\n\n');
    const [first = '', ...lines] = body.slice(0, end).split('\n');
    const note = readNote(body.slice(end + 2));
    const checkpoint = note && readCheckpoint(note.text);
    const old = /^old (0|[1-9]\d*)$/.exec(first)?.[1];
    if (!note || !checkpoint || old === undefined) return { status: 400, text: 'not understood\n' };
    if (checkpoint.origin !== log.name) return { status: 404, text: 'unknown log\n' };
    if (checkSignature(verifyEd25519, note, log).found !== 'valid')
      return { status: 403, text: 'not signed\n' };
    if (Number(old) > checkpoint.size) return { status: 400, text: 'old is newer\n' };
    if (Number(old) !== latest.size) return { status: 409, text: `${latest.size}\n` };
    const proof = lines.map((line) => Buffer.from(line, 'base64'));
    if (!verifyConsistency(sha256, latest, checkpoint, proof))
      return { status: 422, text: 'not consistent\n' };
    latest = checkpoint;
    const line = signatureLine(cosign(note.text, signer, 1_700_000_000));
    return { status: 200, text: lie ? lie(line) : line };
  };

  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const body = Buffer.concat(parts).toString();
      requests.push(`${request.method} ${request.url} ${body.split('\n', 1)[0]}`);
      const { status, text } = answer(body);
      response.writeHead(status).end(text);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/witness`,
    key: signer.key,
    requests,
    latest: () => latest.size,
    lie: (how: typeof lie) => {
      lie = how;
    },
    stop: () => new Promise((resolve) => server.close(resolve)),
  };
};
