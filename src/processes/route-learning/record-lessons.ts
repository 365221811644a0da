import type { CommandPipeline } from '../../commands/handle.js';
import { learnRoutes } from '../../commands/learn-routes.js';
import { processPrincipal } from '../../domain/tenancy/access.js';
import { outcomeOf } from '../outcome.js';
import type { ReactionOutcome } from '../process.js';
import type { RouteLessons } from './route-learning.js';

/** The process manager's name in the provenance of what it writes. */
const LEARNER = 'route-learner';

/** Puts lessons into the log as commands of the learner, caused by the chunk that brought them about. */
export const recordLessons =
  (pipeline: Pick<CommandPipeline, 'execute'>) =>
  async ({ tenant_id, lessons, cause }: RouteLessons): Promise<ReactionOutcome> =>
    outcomeOf(
      await pipeline.execute(learnRoutes, lessons, {
        principal: processPrincipal(LEARNER, tenant_id, 'telemetry:write'),
        origin: 'process_manager',
        request_id: `${LEARNER}/${cause.event_id}`,
        correlation_id: cause.correlation_id,
        causation_id: cause.event_id,
      }),
    );
