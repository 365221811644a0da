import { payloadOf } from '../../src/eventstore/embedded/record.js';
import { systemClock } from '../../src/platform/clock.js';
import { systemFiles } from '../../src/platform/files.js';

/** What a log on EventStoreDB needs besides its address and its directory. */
export const ofEventStoreDb = { files: systemFiles, clock: systemClock, payloadOf };
