/** What stands where a secret stood. */
export const MASK = '[masked]';

/** Anywhere in a name, once only letters and digits are left of it. */
const TELLING = [
  'token',
  'secret',
  'password',
  'passwd',
  'passphrase',
  'signature',
  'authorization',
  'authorisation',
  'cookie',
  'credential',
  'session',
  'apikey',
  'privatekey',
  'accesskey',
];
/** As a word of its own: inside other words they mean nothing. */
const WORDS = new Set(['key', 'keys', 'sig', 'auth', 'pass', 'pwd', 'pin', 'otp', 'jwt', 'sid', 'bearer']);

const decode = (name: string): string => {
  try {
    return decodeURIComponent(name.replaceAll('+', ' '));
  } catch {
    return name;
  }
};

/** Whether a parameter's or an attribute's name says that its value is a secret; better one too many. */
export const looksSecret = (name: string): boolean => {
  const decoded = decode(name);
  const bare = decoded.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
  if (bare.endsWith('key') || TELLING.some((word) => bare.includes(word))) return true;
  return decoded
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2')
    .split(/[^A-Za-z]+/)
    .some((word) => WORDS.has(word.toLowerCase()));
};

// Each part ends where the next begins, so that a text is read once from left to right.
const PARAMETER = /([?&;#])([^=&;#?\s]+)=([^&;#\s"'<>]+)/g;
const USER_INFO = /:\/\/[^/?#\s@]+@/g;

/** A text in which the parameters and the user names of addresses are masked. */
export const maskText = (text: string, isSecret: (name: string) => boolean): string => {
  // Most texts hold no address, and looking for one character is quicker than looking for a pattern.
  if (!text.includes('=') && !text.includes('@')) return text;
  return text
    .replaceAll(PARAMETER, (whole, mark: string, name: string) =>
      isSecret(name) ? `${mark}${name}=${MASK}` : whole,
    )
    .replaceAll(USER_INFO, `://${MASK}@`);
};
