import type {
  Alert,
  AlertAction,
  AlertsQuery,
  Overview,
  Page,
  Problem,
  Rule,
  RuleDefinition,
  SearchQuery,
  Statistics,
  StatisticsQuery,
  StoredEvent,
} from './api-types.js';
import { apiAddress, credentials } from './client.js';
import { httpTransport, type OutgoingRequest, type Transport } from './transport.js';

export interface ApiOptions {
  /** Where PulseStream answers: `https://pulse.example.com`. */
  readonly url: string;
  /** An API key that may read, and change alerting where that is done. */
  readonly apiKey: string;
  /** For one request. Thirty seconds. */
  readonly timeoutMs?: number;
  readonly transport?: Transport;
}

/** The API refused a request, or something else answered in its place. */
export class ApiError extends Error {
  override readonly name = 'ApiError';

  constructor(
    readonly status: number,
    /** The API's own words; undefined where something else answered. */
    readonly problem: Problem | undefined,
    /** When to try again, where the API said so. */
    readonly retry_after_seconds: number | undefined,
  ) {
    super(
      problem ? `${status} ${problem.code}: ${problem.detail}` : `${status}, and no answer of PulseStream`,
    );
  }
}

/** Reads what PulseStream makes of the events, and handles alerts and rules. Everything rejects with an ApiError. */
export interface Api {
  overview(): Promise<Overview>;
  search(query?: SearchQuery): Promise<Page<StoredEvent>>;
  statistics(query?: StatisticsQuery): Promise<Statistics>;
  readonly alerts: {
    list(query?: AlertsQuery): Promise<Page<Alert>>;
    get(alert_id: string): Promise<Alert>;
    acknowledge(alert_id: string, note?: string): Promise<AlertAction>;
    resolve(alert_id: string, note?: string): Promise<AlertAction>;
  };
  readonly rules: {
    list(paging?: { readonly limit?: number; readonly cursor?: string }): Promise<Page<Rule>>;
    get(rule_id: string): Promise<Rule>;
    define(rule: RuleDefinition): Promise<Rule>;
    /** Replaces a rule; with a version only where nobody else has changed it since. */
    change(rule_id: string, rule: RuleDefinition, version?: number): Promise<Rule>;
    delete(rule_id: string, version?: number): Promise<{ readonly position: string }>;
  };
  /** Ends the connections that are kept open. */
  close(): void;
}

type Method = OutgoingRequest['method'];

const search = (query: object): string => {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query) as [string, string | number | undefined][])
    if (value !== undefined) parameters.set(name, String(value));
  const text = parameters.toString();
  return text === '' ? '' : `?${text}`;
};

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

const CONNECTIONS = 4;

/** A client that reads. Throws where its options make none. */
export const createApi = (options: ApiOptions): Api => {
  const transport = options.transport ?? httpTransport(CONNECTIONS);
  const base = apiAddress(options.url, '');
  const authorized = credentials(options.apiKey);

  const call = async <T>(method: Method, path: string, body?: object, version?: number): Promise<T> => {
    const answer = await transport.send({
      method,
      url: apiAddress(base.href, `/api/v1${path}`),
      headers: {
        ...authorized,
        ...(body && { 'content-type': 'application/json' }),
        ...(version !== undefined && { 'if-match': `"v${version}"` }),
      },
      timeout_ms: options.timeoutMs ?? 30_000,
      ...(body && { body: JSON.stringify(body) }),
    });
    const value = parse(answer.body);
    // The server's own tests hold its answers against the document that these types are held against.
    if (answer.status >= 200 && answer.status < 300 && isObject(value)) return value as T;
    const problem = isObject(value) && 'code' in value && 'detail' in value ? (value as Problem) : undefined;
    const after = Number(answer.headers['retry-after'] ?? NaN);
    throw new ApiError(answer.status, problem, Number.isNaN(after) ? undefined : after);
  };
  const alert = (id: string): string => `/alerting/alerts/${encodeURIComponent(id)}`;
  const rule = (id: string): string => `/alerting/rules/${encodeURIComponent(id)}`;
  const noted = (note: string | undefined): object => (note === undefined ? {} : { note });

  return {
    overview: () => call('GET', '/dashboard/overview'),
    search: (query = {}) => call('GET', `/ingestion/events/search${search(query)}`),
    statistics: ({ group_by = [], ...query } = {}) =>
      call(
        'GET',
        `/ingestion/events/statistics${search({ ...query, ...(group_by.length > 0 && { group_by: group_by.join(',') }) })}`,
      ),
    alerts: {
      list: (query = {}) => call('GET', `/alerting/alerts${search(query)}`),
      get: (id) => call('GET', alert(id)),
      acknowledge: (id, note) => call('POST', `${alert(id)}/acknowledge`, noted(note)),
      resolve: (id, note) => call('POST', `${alert(id)}/resolve`, noted(note)),
    },
    rules: {
      list: (paging = {}) => call('GET', `/alerting/rules${search(paging)}`),
      get: (id) => call('GET', rule(id)),
      define: (definition) => call('POST', '/alerting/rules', definition),
      change: (id, definition, version) => call('PUT', rule(id), definition, version),
      delete: (id, version) => call('DELETE', rule(id), undefined, version),
    },
    close: () => transport.close(),
  };
};
