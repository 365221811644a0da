import { hash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readCheckpoint, writeCheckpoint } from '../../../src/domain/integrity/checkpoint.js';
import {
  checkSignature,
  cosign,
  noteKey,
  readNote,
  readSignatureLines,
  readVerifierKey,
  signatureLine,
  signNote,
  writeVerifierKey,
  type NoteSigner,
} from '../../../src/domain/integrity/signed-note.js';
import { signingKey, verifyEd25519 } from '../../../src/platform/signing.js';

const sha256 = (bytes: Uint8Array): Buffer => hash('sha256', bytes, 'buffer');

const signerOf = (seed: number, name = 'log.example/one', algorithm: 1 | 4 = 1): NoteSigner => {
  const { public_key, sign } = signingKey(Buffer.alloc(32, seed));
  return { key: noteKey(sha256, name, algorithm, public_key), sign };
};
const signer = signerOf(1);
const check = (note: string, key = signer.key) => {
  const read = readNote(note);
  return read ? checkSignature(verifyEd25519, read, key).found : 'no note';
};

describe('a signed note', () => {
  // The example of c2sp.org/signed-note.
  const line = 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k';
  const example =
    'This is an example message.\n\n' +
    '— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n';

  it('is checked as its specification has it', () => {
    const key = readVerifierKey(sha256, line)!;
    expect(writeVerifierKey(key)).toBe(line);
    expect(check(example, key)).toBe('valid');
    expect(check(example.replace('message', 'massage'), key)).toBe('invalid');
  });

  it('holds, and no bit of it can turn unseen', () => {
    const note = signNote('log.example/one\n7\nAAAA\n', signer);
    expect(check(note)).toBe('valid');
    const bytes = Buffer.from(note);
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const turned = Buffer.from(bytes);
      turned[bit >> 3]! ^= 1 << (bit & 7);
      expect({ bit, found: check(turned.toString()) }).not.toEqual({ bit, found: 'valid' });
    }
  });

  it('keeps what others signed, and says nothing about those it does not know', () => {
    const [other, witness] = [signerOf(2, 'log.example/two'), signerOf(3, 'witness.example', 4)];
    const text = 'log.example/one\n7\nAAAA\n';
    const note = signNote(text, signer) + signatureLine(cosign(text, witness, 1_700_000_000));
    expect(check(note)).toBe('valid');
    expect(check(note, other.key)).toBe('absent');
    expect(checkSignature(verifyEd25519, readNote(note)!, witness.key)).toEqual({
      found: 'valid',
      signed_at: 1_700_000_000,
    });
    const later = signatureLine({
      ...cosign(text, witness, 1_700_000_000),
      bytes: cosign(text, witness, 5).bytes.with(7, 6),
    });
    expect(check(signNote(text, signer) + later, witness.key)).toBe('invalid');
  });

  it('is not taken for one where a right signature stands beside a wrong one', () => {
    const text = 'a\n';
    const [right] = readNote(signNote(text, signer))!.signatures;
    const wrong = signatureLine({ ...right!, bytes: right!.bytes.with(0, right!.bytes[0]! ^ 1) });
    expect(check(signNote(text, signer) + wrong)).toBe('invalid');
    expect(check(`${text}\n${wrong}${signatureLine(right!)}`)).toBe('invalid');
  });

  it.each([
    '',
    'a',
    'a\n',
    'a\n\n',
    'a\n\n— x\n',
    'a\n\n— x y z\n',
    'a\n\n— x !!!!\n',
    'a\n\n— x AAAA\n',
    'a\r\n\n— x AAAAAAAA\n',
  ])('is none: %j', (text) => expect(readNote(text)).toBeUndefined());

  it('has signatures that come back as they were', () => {
    const name = fc.stringMatching(/^[a-z0-9./-]{1,20}$/);
    const signature = fc.record({
      name,
      id: fc.stringMatching(/^[0-9a-f]{8}$/),
      bytes: fc.uint8Array({ minLength: 1, maxLength: 80 }).map((bytes) => Buffer.from(bytes)),
    });
    fc.assert(
      fc.property(fc.array(signature, { minLength: 1, maxLength: 16 }), (all) => {
        expect(readSignatureLines(all.map(signatureLine).join(''))).toEqual(all);
      }),
    );
  });

  it('has keys that are none', () => {
    for (const wrong of [
      '',
      'x',
      line.replace('530d903a', '530d903b'),
      line.replace('+Aek', '+Bek'),
      `a ${line}`,
      line.slice(0, -4),
    ])
      expect(readVerifierKey(sha256, wrong)).toBeUndefined();
  });
});

describe('a checkpoint', () => {
  it('is three lines, as its specification has them', () => {
    const text = 'example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n';
    const read = readCheckpoint(text)!;
    expect(read).toMatchObject({ origin: 'example.com/behind-the-sofa', size: 20_852_163 });
    expect(writeCheckpoint(read)).toBe(text);
    expect(readCheckpoint(`${text}more\n`)).toEqual(read);
  });

  it.each([
    ['', 'no lines'],
    ['a\n1\n', 'no root'],
    ['\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n', 'no origin'],
    ['a\n01\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n', 'a leading zero'],
    ['a\n-1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n', 'a negative size'],
    ['a\n99999999999999999999\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n', 'a size out of range'],
    ['a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I\n', 'a root without padding'],
    ['a\n1\nAAAA\n', 'a short root'],
    ['a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=', 'no newline'],
    ['a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\nx\n', 'an empty line'],
  ])('is none: %j, %s', (text) => expect(readCheckpoint(text)).toBeUndefined());
});
