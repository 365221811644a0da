import { addMissingKeys, initialiseStores, isInitialised } from '../stores.js';
import { CliError, configure } from './output.js';

/** `init`: makes the data directory. Starting never does, so that a mistyped path is an error and not a new, empty log. */
export const init = async (options: { ifMissing: boolean }): Promise<void> => {
  const config = configure();
  if (await isInitialised(config)) {
    const made = await addMissingKeys(config);
    if (made.length > 0) {
      console.log(`Made what ${config.PULSESTREAM_DATA_DIR} had not yet: ${made.join(', ')}.`);
      return;
    }
    if (options.ifMissing) return;
    throw new CliError(`${config.PULSESTREAM_DATA_DIR} is initialised already; nothing was changed.`);
  }
  await initialiseStores(config);
  console.log(`Initialised ${config.PULSESTREAM_DATA_DIR}.`);
};
