import { LogInUse, LogNotInitialised } from '../eventstore/embedded/options.js';
import { EventStoreUnavailable, LogCorrupt } from '../eventstore/event-store.js';
import { KeysInUse } from '../personkeys/embedded/key-file.js';
import { DataDirectoryMissing } from '../stores.js';
import { JobRefused } from '../replay/operations.js';
import { errorCode } from '../platform/errors.js';
import { CliError } from './output.js';

/** What a person can do about an error; undefined where it is a fault of the program. */
export const explain = (error: unknown): CliError | undefined => {
  if (error instanceof CliError) return error;
  if (error instanceof DataDirectoryMissing || error instanceof LogNotInitialised)
    return new CliError(
      error.message,
      'Make it with: pulsestream init (or name another with PULSESTREAM_DATA_DIR).',
    );
  if (error instanceof LogInUse || error instanceof KeysInUse)
    return new CliError(
      error.message,
      'One server at a time: stop the other one, or use a directory of its own.',
    );
  if (error instanceof LogCorrupt)
    return new CliError(
      error.message,
      'Nothing was changed. pulsestream log verify lists what is wrong; restore log/ from a backup.',
    );
  if (error instanceof JobRefused) return new CliError(error.message, undefined, 2);
  if (error instanceof EventStoreUnavailable)
    return new CliError(error.message, 'Check that EventStoreDB runs and that EVENTSTOREDB_URL is right.');
  if (error instanceof Error && error.name.startsWith('Mongo'))
    return new CliError(error.message, 'Check that MongoDB runs and that MONGODB_URL is right.');
  switch (errorCode(error)) {
    case 'EADDRINUSE':
      return new CliError('The port is in use.', 'Set PORT to another one, or to 0 for any that is free.');
    case 'EACCES':
      return new CliError(
        error instanceof Error ? error.message : 'Not allowed.',
        'Check who owns the data directory.',
      );
    default:
      return undefined;
  }
};
