import { Type } from 'typebox';
import type { Hash } from '../../../../domain/integrity/merkle.js';
import type { Position as LogPosition } from '../../../../eventstore/event-store.js';
import type { Proofs } from '../../../../replay/proofs/proofs.js';
import type { ApiServices } from '../../../dependencies.js';
import { notFound, refuse, tenantOf } from '../../answers.js';
import type { ApiRequest, ApiResponse } from '../../message.js';
import { problem } from '../../problem.js';
import { defineRoute, type Route } from '../../route.js';
import { closed, open, Position } from '../../schemas.js';

const Base64 = Type.String({ description: 'In base64.' });
const Size = Type.Integer({ minimum: 0, description: 'How many records.' });
const Head = open({ size: Size, root: Base64 });
const ProofShape = Type.Array(Base64, { description: 'Hashes as RFC 6962 has them, from below.' });
const Note = Type.String({
  description: 'A signed checkpoint (c2sp.org/tlog-checkpoint), with what witnesses put to it.',
});
const VerifierKey = Type.String({
  description:
    'What checks the signature. Take it from somewhere else: whoever answers here could have made it up.',
});

const base64 = (bytes: Hash): string => Buffer.from(bytes).toString('base64');

/** Answers out of the proofs, where this server can sign any. */
const proving =
  <R extends ApiRequest>(prove: (request: R, proofs: Pick<Proofs, keyof Proofs>) => Promise<ApiResponse>) =>
  (request: R, { proofs }: ApiServices): Promise<ApiResponse> =>
    proofs
      ? prove(request, proofs)
      : Promise.resolve(
          refuse(
            problem(409, 'no_tree', 'This server has no key to sign the log’s Merkle tree with.'),
            request,
          ),
        );

const notSealed = (request: ApiRequest): ApiResponse =>
  refuse(
    problem(409, 'not_sealed_yet', 'No signed checkpoint covers it yet; the next one will, in seconds.', {
      retry_after_seconds: 5,
    }),
    request,
  );

const checkpoint = defineRoute({
  method: 'GET',
  path: '/api/v2/audit/checkpoint',
  summary: 'The newest signed checkpoint of the log: its size, the root of its Merkle tree.',
  tags: ['audit'],
  auth: 'audit:read',
  problems: [409],
  responses: {
    200: {
      description: 'Keep a copy: the log can be held against it for good. Before the first one size is 0.',
      schema: open({ size: Size, checkpoint: Type.Optional(Note), verifier_key: VerifierKey }),
    },
  },
  handle: proving((_request, proofs) => {
    const { verifier_key } = proofs;
    const latest = proofs.checkpoint();
    const body = latest
      ? { size: latest.size, checkpoint: latest.note, verifier_key }
      : { size: 0, verifier_key };
    return Promise.resolve({ status: 200, body });
  }),
});

const inclusion = defineRoute({
  method: 'GET',
  path: '/api/v2/audit/proof/{position}',
  summary: 'Proves that one of the tenant’s records is in the log, under the newest checkpoint.',
  description: 'Of other records the proof has hashes only. Other tenants’ positions are not found.',
  tags: ['audit'],
  auth: 'audit:read',
  params: closed({ position: Position }),
  query: closed({
    record: Type.Optional(
      Type.Boolean({ description: 'true: with the bytes that the leaf’s hash was made of.' }),
    ),
  }),
  problems: [404, 409],
  responses: {
    200: {
      description:
        'leaf_hash is SHA-256(0x00, record); with index and proof it comes to the checkpoint’s root.',
      schema: open({
        position: Position,
        index: Type.Integer({ minimum: 0 }),
        leaf_hash: Base64,
        proof: ProofShape,
        size: Size,
        checkpoint: Note,
        record: Type.Optional(Base64),
      }),
    },
  },
  handle: proving(async (request: ApiRequest<{ position: string }, { record?: boolean }>, proofs) => {
    const { params, query } = request;
    const found = await proofs.inclusion(
      tenantOf(request),
      params.position as LogPosition,
      query.record ?? false,
    );
    if (found === undefined) return notFound(request, 'record');
    if (found === 'not_sealed') return notSealed(request);
    const {
      position,
      index,
      leaf,
      proof,
      checkpoint: { size, note },
      record,
    } = found;
    return {
      status: 200,
      body: {
        position,
        index,
        leaf_hash: base64(leaf),
        proof: proof.map(base64),
        size,
        checkpoint: note,
        ...(record && { record: base64(record) }),
      },
    };
  }),
});

const consistency = defineRoute({
  method: 'GET',
  path: '/api/v2/audit/consistency',
  summary: 'Proves that the log of a later size begins with all of the log of an earlier one.',
  tags: ['audit'],
  auth: 'audit:read',
  query: closed({
    from: Type.Optional(Type.Integer({ minimum: 0, default: 0, description: 'The earlier size.' })),
    to: Type.Optional(
      Type.Integer({ minimum: 0, description: 'The later size; absent: that of the newest checkpoint.' }),
    ),
  }),
  problems: [409, 422],
  responses: {
    200: {
      description: 'Both roots, and the proof as RFC 6962 has it.',
      schema: open({ from: Head, to: Head, proof: ProofShape }),
    },
  },
  handle: proving(async (request: ApiRequest<unknown, { from?: number; to?: number }>, proofs) => {
    const { from = 0, to } = request.query;
    const found = await proofs.consistency(from, to);
    if (!found)
      return refuse(problem(422, 'no_such_size', 'The log never had these sizes, in this order.'), request);
    const head = ({ size, root }: { size: number; root: Hash }) => ({ size, root: base64(root) });
    return {
      status: 200,
      body: { from: head(found.from), to: head(found.to), proof: found.proof.map(base64) },
    };
  }),
});

const verify = defineRoute({
  method: 'POST',
  path: '/api/v2/audit/verify',
  summary: 'Holds a checkpoint that was kept against the log as it is now.',
  description:
    'The server’s own word. Who does not take it asks for a consistency proof, or runs `pulsestream audit verify` on a copy of the log.',
  tags: ['audit'],
  auth: 'audit:read',
  appends_nothing: true,
  body: { schema: closed({ checkpoint: Type.String({ minLength: 1, maxLength: 16_384 }) }) },
  problems: [409],
  responses: {
    200: {
      description: 'Whether it holds.',
      schema: open({
        holds: Type.Boolean(),
        reason: Type.Optional(
          Type.Enum(['no_checkpoint', 'another_log', 'not_signed', 'beyond_the_end', 'other_records']),
        ),
        size: Type.Optional(Size),
        log: Head,
      }),
    },
  },
  handle: proving(async (request: ApiRequest<unknown, unknown, { checkpoint: string }>, proofs) => {
    const { holds, reason, checkpoint: held, log } = await proofs.verify(request.body.checkpoint);
    return {
      status: 200,
      body: {
        holds,
        ...(reason && { reason }),
        ...(held && { size: held.size }),
        log: { size: log.size, root: base64(log.root) },
      },
    };
  }),
});

/** What proves the log to whoever does not trust the server. */
export const auditProofs: readonly Route[] = [checkpoint, inclusion, consistency, verify];
