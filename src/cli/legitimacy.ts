import { readFile } from 'node:fs/promises';
import type { LegitimacyRule } from '../domain/detection/legitimacy/rules.js';
import { operatorOfServer, queryOf } from './operator-client.js';
import { CliError, print, table } from './output.js';

interface OfTenant {
  readonly json: boolean;
  readonly tenant: string;
}

const pathOf = (tenant_id: string, name?: string): string =>
  `/api/v2/audit/legitimacy-rules${name === undefined ? '' : `/${encodeURIComponent(name)}`}${queryOf({ tenant_id })}`;

/** `audit legitimacy list --tenant TENANT` */
export const listLegitimacyRules = async ({ json, tenant }: OfTenant): Promise<void> => {
  const ask = await operatorOfServer();
  const rules = await ask<{ readonly data: readonly LegitimacyRule[] }>('GET', pathOf(tenant));
  print(json, rules, () =>
    rules.data.length === 0
      ? 'The tenant has said nothing about what is legitimate.'
      : table([
          ['rule', 'verdict', 'of what', 'note'],
          ...rules.data.map(({ name, verdict, condition, note = '' }) => [
            ...[name, verdict, JSON.stringify(condition), note],
          ]),
        ]),
  );
};

/** `audit legitimacy set NAME VERDICT CONDITION`; a condition is JSON, or `@FILE`. */
export const setLegitimacyRule = async (
  name: string,
  verdict: string,
  text: string,
  { json, tenant, note }: OfTenant & { readonly note?: string },
): Promise<void> => {
  const condition = await readCondition(text);
  const ask = await operatorOfServer();
  const rule = { verdict, condition, ...(note !== undefined && { note }) };
  const set = await ask<object>('PUT', pathOf(tenant, name), rule);
  print(json, set, () => `✓ ${name}: counts for deployments that begin from now on.`);
};

/** `audit legitimacy remove NAME` */
export const removeLegitimacyRule = async (name: string, { json, tenant }: OfTenant): Promise<void> => {
  const ask = await operatorOfServer();
  const removed = await ask<object>('DELETE', pathOf(tenant, name));
  print(
    json,
    removed,
    () => `✓ ${name}: removed. Deployments that have begun are judged by it all the same.`,
  );
};

const readCondition = async (text: string): Promise<unknown> => {
  const file = text.startsWith('@') ? text.slice(1) : undefined;
  const json = file === undefined ? text : await readFile(file, 'utf8').catch(() => undefined);
  if (json === undefined) throw new CliError(`${file ?? ''} cannot be read.`, undefined, 2);
  try {
    return JSON.parse(json) as unknown;
  } catch {
    throw new CliError('The condition is not JSON.', '{"field":"/service","op":"is","value":"probe"}', 2);
  }
};
