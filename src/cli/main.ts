#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { Command, CommanderError, Option } from 'commander';
import { demo } from './demo.js';
import { deployReport, deployResume, deployRun, deployStatus } from './deploy.js';
import { exportLog, showKey, verifyAudit } from './audit.js';
import { erasureStatus, eraseTelemetry } from './erase.js';
import { envCheck, envInit } from './env.js';
import { erasePerson } from './people.js';
import { explain } from './explain.js';
import { describeFormats, importFiles, type ImportOptions } from './import.js';
import { init } from './init.js';
import { listLegitimacyRules, removeLegitimacyRule, setLegitimacyRule } from './legitimacy.js';
import {
  listProjections,
  rebuildProjections,
  retryProjections,
  runRetention,
  sealLog,
  statLog,
  verifyLog,
  verifyProjections,
} from './operations.js';
import { changeReplay, listReplays, showReplay, startReplay } from './replay.js';
import { auditDeployment, decideQuarantine, listQuarantines, proposeQuarantine } from './quarantine.js';
import { tenantRetention } from './retention.js';
import { serve } from './serve.js';
import { tenantLimits } from './tenants.js';

const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

const deployExits =
  '\nExit codes: 0 deployed and verified; 1 rolled back, all is as before; 2 wrong usage or configuration;\n3 nothing was begun; 4 the guard stays up and a person is needed; 5 interrupted: deploy resume.';

const json = ['--json', 'print the result as JSON', false] as const;

const program = new Command('pulsestream')
  .description('Self-hosted, event-sourced API monitoring')
  .version(version)
  .showHelpAfterError('(--help shows how it is used)')
  // Thrown instead of ending the process, so that wrong usage has the exit code that the help says; commands inherit it.
  .exitOverride()
  // An option belongs to the command that it stands behind: import has some that import access-log has, too.
  .enablePositionalOptions()
  .addHelpText(
    'after',
    '\nExit codes: 0 fine; 1 something is wrong, and said; 2 wrong usage or configuration.\nConfiguration comes from the environment and .env: pulsestream env check lists it.',
  );

program
  .command('init')
  .description('make the data directory with its stores and keys')
  .option('--if-missing', 'say nothing where it is there already', false)
  .action(init);
program.command('serve').description('run the server').action(serve);

/** What every way to import takes. */
const importing = (command: Command): Command =>
  command
    .option('--service <name>', 'the service that the requests went to; default for access logs: web')
    .option('--environment <name>', 'for example production')
    .option('--time-zone <zone>', 'of times that name none: Europe/Berlin, +02:00', 'UTC')
    .option(
      '--duration-unit <unit>',
      'of the request time in combined logs: s, ms or us; default: by its form',
    )
    .option('--rejects <file>', 'append lines that are not stored to this file, as JSON')
    .option('--state <file>', 'where to remember what is imported; default: in the data directory')
    .option('--dry-run', 'read everything, show what would be sent, and send nothing', false)
    .option('--api-key <key>', 'an API key with the scope ingest (or PULSESTREAM_API_KEY)')
    .option('--url <url>', 'the server (or PULSESTREAM_URL); default: the one on this data directory')
    .option(...json);

const imports = importing(
  program
    .command('import')
    .description('import logs as telemetry, each line once: again, interrupted, or when a file has grown')
    .argument('<files...>', 'log files, compressed with gzip or not; - is standard input')
    .option('--format <format>', 'how to read them; default: recognised by the first lines'),
)
  .enablePositionalOptions()
  .addHelpText('after', describeFormats())
  .action((files: readonly string[], options: ImportOptions) => importFiles(files, options));
importing(
  imports
    .command('access-log')
    .description('import an access log of Apache or nginx; the same as import --format combined')
    .argument('<file>', 'the access log'),
).action((file: string, options: ImportOptions) => importFiles([file], { ...options, format: 'combined' }));

program
  .command('demo')
  .description('send made-up events, marked as such, to a server that takes them (PULSESTREAM_DEMO_DATA)')
  .option('--events <count>', 'how many, over the last hour', '5000')
  .option('--api-key <key>', 'an API key with the scope ingest (or PULSESTREAM_API_KEY)')
  .option('--url <url>', 'the server (or PULSESTREAM_URL); default: the one on this data directory')
  .option(...json)
  .action(demo);

const projections = program.command('projections').description('look after the read models');
projections
  .command('list')
  .description('how far each read model is')
  .option(...json)
  .action(listProjections);
projections
  .command('rebuild')
  .description('build read models anew from the log, beside the ones being served, and switch to them')
  .argument('[names...]', 'read models')
  .option('--all', 'all of them')
  .option('--fresh', 'begin anew even where a stopped rebuild could be gone on with')
  .option(...json)
  .action(rebuildProjections);
projections
  .command('retry')
  .description('fold what is parked once more, after what was wrong is mended')
  .argument('[names...]', 'read models; default: all')
  .option(...json)
  .action(retryProjections);
projections
  .command('verify')
  .description('fold the log again and compare every document with what is served')
  .argument('[names...]', 'read models; default: all')
  .option(...json)
  .action(verifyProjections);

const replay = program
  .command('replay')
  .description(
    'fold a past, or another past, beside what is served, and compare: nothing is written or sent',
  );
replay
  .command('start')
  .description('start a replay and follow it; exit code 1 where documents differ')
  .argument('<read models...>', 'read models to fold')
  .option('--tenant <ids...>', 'whose records; default: all')
  .option('--after <moment>', 'records after this position or time')
  .option('--until <moment>', 'records up to this position or time')
  .addOption(
    new Option('--baseline <what>', 'what to compare with')
      .choices(['served', 'previous', 'replayed'])
      .default('served'),
  )
  .option('--without-deployment <ids...>', 'as if these deployments had recorded nothing')
  .option('--without-actor <ids...>', 'as if these people, keys or processes had done nothing')
  .option('--without-position <positions...>', 'as if these records were not there')
  .option('--route-pattern <patterns...>', 'as if these had been the route patterns all along')
  .option('--detach', 'leave it to the running server and do not wait for its end', false)
  .option(...json)
  .action(startReplay);
replay
  .command('list')
  .description('the replays that there are, the newest first')
  .option(...json)
  .action(listReplays);
replay
  .command('show')
  .description('how far a replay is, and what came of it')
  .argument('<id>', 'the replay')
  .option('--follow', 'until it ends', false)
  .option(...json)
  .action(showReplay);
for (const [what, description] of [
  ['pause', 'stop a replay so that it can be gone on with'],
  ['resume', 'go on with a replay that was paused'],
  ['cancel', 'end a replay for good'],
] as const)
  replay
    .command(what)
    .description(description)
    .argument('<id>', 'the replay')
    .option(...json)
    .action(changeReplay(what));

const log = program.command('log').description('look after the embedded log');
log
  .command('stat')
  .description('what the log holds')
  .option(...json)
  .action(statLog);
log
  .command('verify')
  .description('check every byte, hash, revision and index entry')
  .option(...json)
  .action(verifyLog);
log
  .command('seal')
  .description('encode full segments anew, column by column: a tenth as large, no record changes')
  .option(...json)
  .action(sealLog);

const wait = [
  '--wait <seconds>',
  'how long a server may take to answer, for example while it is restarted',
  '120',
] as const;
const deploy = program.command('deploy').description('deploy without a record being written');
deploy
  .command('run')
  .description('check, back up, raise the guard, run a command, verify; complete, or roll back')
  .argument('<command...>', 'what deploys, behind --; it may stop and start the server')
  .option('--release <name>', 'what is deployed; default: the commit of the git tree')
  .addOption(
    new Option('--mode <mode>', 'what may be written meanwhile: nothing, or telemetry, which is marked')
      .choices(['strict', 'allow_ingest'])
      .default('strict'),
  )
  .option('--rollback-command <command>', 'what takes the deployment back, for the shell; it may run twice')
  .option('--allow-dirty', 'also where the git tree has changes', false)
  .option(...wait)
  .option(...json)
  .addHelpText('after', deployExits)
  .action(deployRun);
deploy
  .command('resume')
  .description(
    'go on with a deployment whose process died; a command that may have run in part is taken back',
  )
  .option('--rerun', 'run such a command again instead', false)
  .option('--roll-back', 'take the deployment back wherever it is', false)
  .option(...wait)
  .option(...json)
  .addHelpText('after', deployExits)
  .action(deployResume);
deploy
  .command('status')
  .description('the guard, and how far the deployment under way is')
  .option(...json)
  .action(deployStatus);
deploy
  .command('report')
  .description('what the log says of a deployment, as JSON')
  .argument('<deployment>', 'its id')
  .option('--html', 'as a page to print', false)
  .action(deployReport);

program
  .command('tenants')
  .description('look after tenants')
  .command('limits')
  .description('what a tenant may send, and what it stored today; with changes, after making them')
  .argument('<tenant>', 'its id: ten_…')
  .argument('[changes...]', 'events_per_day=1000000, batch_events=default')
  .option(...json)
  .action(tenantLimits);

const audit = program.command('audit').description('prove what the log holds');
audit
  .command('verify')
  .description('check the log against its hashes and signed checkpoints; --help lists the options')
  .argument('[options...]')
  .allowUnknownOption()
  .helpOption(false)
  .action(verifyAudit);
audit
  .command('key')
  .description('print the verifier key of the log’s checkpoints, for auditors and witnesses')
  .option(...json)
  .action(showKey);
audit
  .command('export')
  .description('copy a log that EventStoreDB keeps, straight from it, for audit verify')
  .requiredOption('--to <directory>', 'where the copy goes: a directory without a log')
  .option(...json)
  .action(exportLog);

audit
  .command('deployment')
  .description(
    'list the records that a deployment introduced or a tenant’s rule declares illegitimate, each with its reasons; ' +
      'exits with 1 where any is shown',
  )
  .argument('<id>', 'the deployment')
  .option('--tenant <id>', 'of one tenant only')
  .option(...json)
  .action(auditDeployment);

/** What every command about a tenant's records takes. */
const ofTenant = (command: Command): Command =>
  command.requiredOption('--tenant <id>', 'whose records').option(...json);

const quarantine = audit
  .command('quarantine')
  .description('set records aside, as the operator: they stay in the log and are shown nowhere');
ofTenant(quarantine.command('list').description('what is set aside, was, or is proposed to be'))
  .option('--status <status>', 'proposed, approved, released or withdrawn')
  .action(listQuarantines);
ofTenant(quarantine.command('propose').description('propose to set records aside'))
  .requiredOption('--reason <text>', 'why')
  .option('--deployment <id>', 'all that a deployment introduced')
  .option('--event <id...>', 'telemetry events')
  .option('--position <position...>', 'records; FIRST..LAST: all from one to another')
  .action(proposeQuarantine);
ofTenant(quarantine.command('approve').description('set aside what was proposed').argument('<id>'))
  .option('--note <text>', 'for the log')
  .action(decideQuarantine('approve'));
ofTenant(
  quarantine
    .command('release')
    .description('bring back what was set aside, or take back a proposal')
    .argument('<id>'),
)
  .option('--event <id...>', 'only these telemetry events of it')
  .option('--position <position...>', 'only these records of it; FIRST..LAST: all from one to another')
  .option('--note <text>', 'for the log')
  .action(decideQuarantine('release'));

const legitimacy = audit
  .command('legitimacy')
  .description('rules by which a tenant says which of its records are legitimate, and which are not');
ofTenant(legitimacy.command('list').description('the rules, by name')).action(listLegitimacyRules);
ofTenant(legitimacy.command('set').description('say one, in place of the one of that name'))
  .argument('<name>')
  .argument('<verdict>', 'legitimate or illegitimate')
  .argument('<condition>', 'JSON, or @FILE')
  .option('--note <text>', 'for people')
  .action(setLegitimacyRule);
ofTenant(legitimacy.command('remove').description('remove one').argument('<name>')).action(
  removeLegitimacyRule,
);

const retention = program.command('retention').description('how long telemetry is kept');
retention
  .command('tenant')
  .description('show how long a tenant’s telemetry is kept, or set it')
  .argument('<tenant>', 'its id')
  .argument('[days]', 'days by the events’ own times, or none')
  .option(...json)
  .action(tenantRetention);
retention
  .command('run')
  .description('retire what is older, and drop it from the log’s files, now')
  .option('--dry-run', 'say what would be retired, and do nothing', false)
  .option(...json)
  .action(runRetention);

const erase = program.command('erase').description('erase people and their telemetry, for good');
erase
  .command('telemetry')
  .description(
    'cut all events of a person out of the log; what is recorded after this is asked for is not meant',
  )
  .requiredOption('--tenant <id>', 'whose telemetry')
  .option('--user-id <value>', 'events with this user_id')
  .option('--consumer <value>', 'events with this consumer')
  .option('--reason <text>', 'for the log; not whose telemetry it is')
  .option('--dry-run', 'count what would be cut, and do nothing', false)
  .option('--no-wait', 'do not wait until it is done: erase status tells')
  .option(...json)
  .action(eraseTelemetry);
erase
  .command('status')
  .description('how far an erasure is')
  .argument('<id>', 'era_…')
  .requiredOption('--tenant <id>', 'whose telemetry')
  .option(...json)
  .action(erasureStatus);
erase
  .command('person')
  .description('destroy the key under which the log has what it says of a person')
  .argument('<person>', 'usr_…')
  .requiredOption('--tenant <id>', 'whose person')
  .requiredOption('--reason <text>', 'for the log; not who it is')
  .option(...json)
  .action(erasePerson);

const env = program.command('env').description('look after the configuration');
env
  .command('init')
  .description('write a configuration with generated secrets')
  .option('--file <file>', 'where to', '.env')
  .option('--force', 'replace what is there', false)
  .action(envInit);
env
  .command('check')
  .description('validate the configuration and show it, secrets hidden')
  .option(...json)
  .action(envCheck);

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : 2);
  const explained = explain(error);
  if (!explained) throw error;
  console.error(`✖ ${explained.message}`);
  if (explained.hint) console.error(`  ${explained.hint}`);
  // What was opened is closed; a client of a server that is away may still wait for it.
  process.exit(explained.exit_code);
}
