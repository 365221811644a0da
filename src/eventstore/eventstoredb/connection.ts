import { EventStoreDBClient } from '@eventstore/db-client';

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

export interface Connection {
  readonly client: EventStoreDBClient;
  /** To give with each append: the client then takes the plain Append call. */
  readonly credentials: Credentials;
}

/**
 * Connects on first use. Credentials with each append make the client use one Append call for each, not the shared
 * BatchAppend call, whose pending answers reject unhandled when a server dies and which keeps no deadline. A server
 * without security takes any.
 */
export const connect = (url: string): Connection => {
  // The client reads option names in any case, with or without hyphens and underscores.
  if (/throwonappendfailure=false/.test(url.toLowerCase().replace(/[_-]/g, '')))
    throw new Error(
      'the EventStoreDB address must not set throwOnAppendFailure=false: revisions would be wrong',
    );
  // Newer servers call the scheme by another name, which this client does not know.
  const address = url.trim().replace(/^kurrentdb(?=[+:])/, 'esdb');
  return { client: EventStoreDBClient.connectionString(address), credentials: credentialsIn(address) };
};

const credentialsIn = (url: string): Credentials => {
  const match = /^[^:]+:\/\/([^:@/?]+):([^@]+)@/.exec(url);
  return {
    username: decodeURIComponent(match?.[1] ?? ''),
    password: decodeURIComponent(match?.[2] ?? ''),
  };
};
