import { createHmac } from 'node:crypto';
import type { Static, TSchema } from 'typebox';
import type { Json } from '../domain/json.js';
import { EventStoreUnavailable, type EventLog } from '../eventstore/event-store.js';
import type { AccessServices } from './access/services.js';
import type { Claims, Keyed } from './claims.js';
import { refused, type Command, type CommandContext, type CommandResult } from './command.js';
import type { DeploymentGuard } from './guard.js';
import { guarded, unavailable } from './refusals.js';
import { StreamTransaction } from './transaction.js';
import type { RecordWriter } from './writer.js';

export type { FieldError } from '../platform/validation.js';
export type { CommandContext, CommandRefusal, CommandResult, Concerned, RefusalKind } from './command.js';

/** The one way from a wish to records. */
export class CommandPipeline {
  constructor(
    private readonly log: EventLog,
    private readonly writer: RecordWriter,
    private readonly guard: DeploymentGuard,
    private readonly claims: Claims,
    private readonly services: AccessServices,
  ) {}

  async execute<I extends TSchema, R>(
    command: Command<I, R>,
    input: unknown,
    context: CommandContext,
  ): Promise<CommandResult<R>> {
    // 1. Authorise: the principal has shown who it is already.
    if (!context.principal.permissions.has(command.needs))
      return refused('forbidden', 'forbidden', `These credentials lack the permission ${command.needs}.`);

    // 2. Validate.
    const checked = command.check(input);
    if (!checked.ok)
      return refused('invalid', 'invalid_input', 'Some fields are not valid.', { errors: checked.errors });

    // 3. Guard: a ticket of this epoch, which the writer looks at again.
    const admitted = this.guard.admit(command.writes);
    const { underGuard, writesUnderGuard = 'nothing' } = command;
    const ticket = admitted ?? (underGuard && this.guard.admit(writesUnderGuard));
    if (!ticket) return { ok: false, refusal: guarded };
    const guard = this.guard.state;

    // 4. Idempotency: a repeated request gets the first answer.
    const keyed = keyOf(command.name, checked.value, context, this.services.answers_key);
    const carryOut = async (): Promise<CommandResult<R>> => {
      // 5. Load, decide, append: as the command says.
      const transaction = new StreamTransaction(
        { log: this.log, writer: this.writer, services: this.services },
        context,
        ticket,
        keyed,
      );
      try {
        const step =
          admitted || !underGuard
            ? await command.run(checked.value, transaction, context)
            : await underGuard(checked.value, transaction, guard, context);
        // 6. Answer with the position.
        if (step.ok) return { ok: true, value: step.value, position: transaction.reached, replayed: false };
        const { concerned } = transaction;
        return concerned ? { ok: false, refusal: { ...step.refusal, concerns: concerned } } : step;
      } catch (error) {
        if (error instanceof EventStoreUnavailable) return { ok: false, refusal: unavailable(error) };
        throw error;
      }
    };
    return keyed ? this.claims.once(keyed, carryOut) : carryOut();
  }
}

/**
 * Names a request by its key, within tenant, credential and command; and its body, so that another one is noticed.
 * The hashes are keyed: an input may hold a password, and they stand in the log for good.
 */
const keyOf = (
  command: string,
  input: Static<TSchema>,
  { principal, idempotency_key }: CommandContext,
  secret: Buffer,
): Keyed | undefined => {
  if (idempotency_key === undefined) return undefined;
  const hash = (value: Json): string => createHmac('sha256', secret).update(canonical(value)).digest('hex');
  const { kind, id } = principal.actor;
  return {
    key: hash([principal.tenant_id ?? '', kind, id, command, idempotency_key]),
    body: hash(input as Json),
  };
};

/** JSON with the fields of each object in order: one input, one text, however it was written. */
const canonical = (value: Json): string =>
  JSON.stringify(value, (_name, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([one], [other]) => (one < other ? -1 : 1)))
      : part,
  );
