/** The names of parameters that give access, without their separators. */
const ENDINGS =
  /(?:signature|token|secret|password|passwd|pwd|credentials?|apikey|accesskey|accesskeyid|privatekey|authorization|sessionid|jwt)$/;
const NAMES = new Set(['sig', 'key', 'auth', 'code', 'pass', 'session', 'sid']);

/** What stands in place of a value that nobody may read. */
export const REDACTED = 'REDACTED';

const isSecret = (name: string): boolean => {
  let decoded = name;
  try {
    decoded = decodeURIComponent(name);
  } catch {
    // Not percent-encoded after all: judged as it stands.
  }
  const bare = decoded.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
  return NAMES.has(bare) || ENDINGS.test(bare);
};

/** A URL's query without the values of signatures, keys and tokens. */
export const redactQuery = (query: string): string =>
  query.replace(/([^&;=]+)=([^&;]*)/g, (pair, name: string, value: string) =>
    value !== '' && isSecret(name) ? `${name}=${REDACTED}` : pair,
  );

/** The path and query of a path or an absolute URL, redacted; a fragment is left out, and so is who signed in. */
export const redactedTarget = (target: string): string => {
  const origin = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i.exec(target);
  const local = origin ? target.slice(origin[0].length) : target;
  const [whole = ''] = local.split('#', 1);
  const mark = whole.indexOf('?');
  const path = mark < 0 ? whole : whole.slice(0, mark);
  return (path === '' ? '/' : path) + (mark < 0 ? '' : `?${redactQuery(whole.slice(mark + 1))}`);
};

/** A URL with its query redacted, without fragment and who signed in; a text that is no URL is redacted all the same. */
export const redactedUrl = (url: string): string => {
  const [whole = '', scheme = '', host = ''] =
    /^([a-z][a-z0-9+.-]*:\/\/)(?:[^/?#@]*@)?([^/?#]*)/i.exec(url) ?? [];
  if (scheme === '') return redactedTarget(url);
  return scheme + host + (whole.length === url.length ? '' : redactedTarget(url));
};
