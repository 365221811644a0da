import { pino, type Logger } from 'pino';

export type { Logger } from 'pino';

/** Structured JSON logs on standard output; fields that hold secrets are censored wherever they stand. */
export const makeLogger = (level: string, bindings: { instance_id: string; release: string }): Logger =>
  pino({
    level,
    base: bindings,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: {
      paths: [
        'password',
        'authorization',
        'api_key',
        'token',
        'refresh_token',
        'access_token',
        'secret',
      ].flatMap((field) => [field, `*.${field}`, `*.*.${field}`]),
      censor: '[hidden]',
    },
  });
