import { open, type FileHandle } from 'node:fs/promises';
import type { Hash } from '../../domain/integrity/merkle.js';
import {
  checkSignature,
  readNote,
  readSignatureLines,
  signatureLine,
  type NoteKey,
} from '../../domain/integrity/signed-note.js';
import { verifyEd25519 } from '../../platform/signing.js';

/** A checkpoint that the log has signed and recorded. */
export interface SignedCheckpoint {
  readonly size: number;
  readonly note: string;
}

/** Somebody outside who keeps copies of checkpoints, so that whoever holds the server cannot take them back. */
export interface Witness {
  /** Names it to people. */
  readonly name: string;
  /**
   * Hands a checkpoint over; again changes nothing. `prove` gives the consistency proof from an earlier size on.
   * Rejects where the witness did not take it. Answers the note with what the witness put to it, where it did.
   */
  publish(
    checkpoint: SignedCheckpoint,
    prove: (earlier: number) => Promise<readonly Hash[]>,
  ): Promise<string>;
}

/** Checkpoints one after another in a file, which should be on another disk or machine. An empty line ends each. */
export class FileWitness implements Witness {
  constructor(private readonly path: string) {}

  get name(): string {
    return this.path;
  }

  async publish({ note }: SignedCheckpoint): Promise<string> {
    const entry = Buffer.from(`${note}\n`);
    const file = await open(this.path, 'a+', 0o644);
    try {
      if (!(await endsWith(file, entry))) {
        await file.appendFile(entry);
        await file.datasync();
      }
    } finally {
      await file.close();
    }
    return note;
  }
}

const endsWith = async (file: FileHandle, bytes: Buffer): Promise<boolean> => {
  const { size } = await file.stat();
  if (size < bytes.length) return false;
  const { buffer } = await file.read(Buffer.alloc(bytes.length), 0, bytes.length, size - bytes.length);
  return buffer.equals(bytes);
};

/** Longer than any witness needs, shorter than anybody wants to wait for the next checkpoint. */
const TIMEOUT_MS = 10_000;
/** Of an answer more is not read. */
const MAX_ANSWER_BYTES = 64 * 1024;

/** A witness that speaks c2sp.org/tlog-witness: it checks that the log only grew, and signs that it saw it. */
export class HttpWitness implements Witness {
  /** The size that it has signed last, as far as is known here. */
  #size = 0;
  readonly #url: URL;

  constructor(
    prefix: string,
    /** Its cosignatures are checked with this; absent: they are not kept. */
    private readonly key?: NoteKey,
  ) {
    this.#url = new URL('add-checkpoint', prefix.endsWith('/') ? prefix : `${prefix}/`);
  }

  get name(): string {
    return this.#url.host;
  }

  async publish(
    { size, note }: SignedCheckpoint,
    prove: (earlier: number) => Promise<readonly Hash[]>,
  ): Promise<string> {
    for (let tries = 0; tries < 2; tries += 1) {
      const { status, text } = await this.#send(size, note, prove);
      if (status === 200) {
        this.#size = size;
        return this.#cosigned(note, text);
      }
      const known = /^(0|[1-9]\d*)\n$/.exec(text)?.[1];
      if (status !== 409 || known === undefined)
        throw new Error(`the witness answered ${status}: ${text.slice(0, 200).trim()}`);
      this.#size = Number(known);
      if (this.#size > size)
        throw new Error(`the witness has seen a log of ${known} records, longer than this one`);
    }
    throw new Error('the witness changes its mind about what it has signed last');
  }

  async #send(
    size: number,
    note: string,
    prove: (earlier: number) => Promise<readonly Hash[]>,
  ): Promise<{ readonly status: number; readonly text: string }> {
    const known = Math.min(this.#size, size);
    const proof = (await prove(known)).map((hash) => `${Buffer.from(hash).toString('base64')}\n`);
    const response = await fetch(this.#url, {
      method: 'POST',
      body: `old ${known}\n${proof.join('')}\n${note}`,
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    return { status: response.status, text: await shortText(response) };
  }

  #cosigned(note: string, lines: string): string {
    const signed = readNote(note);
    if (!this.key || !signed) return note;
    const { key } = this;
    const signatures = (readSignatureLines(lines) ?? []).filter(
      ({ name, id }) => name === key.name && id === key.id,
    );
    const { found } = checkSignature(verifyEd25519, { text: signed.text, signatures }, key);
    if (found !== 'valid') throw new Error(`the witness’s signature under the key ${key.name} is ${found}`);
    return note + signatures.map(signatureLine).join('');
  }
}

const shortText = async (response: Response): Promise<string> => {
  let text = Buffer.alloc(0);
  for await (const part of response.body ?? []) {
    text = Buffer.concat([text, part as Uint8Array]);
    if (text.length > MAX_ANSWER_BYTES) throw new Error('the witness’s answer is too long');
  }
  return text.toString();
};
