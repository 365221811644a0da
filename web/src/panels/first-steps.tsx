import { useState } from 'preact/hooks';

interface FirstStepsProps {
  /** Shown this once, where the tenant was registered a moment ago. */
  readonly apiKey: string | undefined;
  /** The tenant has not sent anything yet. */
  readonly isEmpty: boolean;
}

const command = (key: string): string =>
  [
    `curl -s ${location.origin}/api/v1/ingestion/events \\`,
    `  -H "x-api-key: ${key}" -H 'content-type: application/json' \\`,
    `  -d '{"type":"api_call","service":"checkout","method":"GET","path":"/orders/42","status_code":200,"duration_ms":12.7}'`,
  ].join('\n');

/** How to send the first event, until there is one; a key that was just made stays until it is put away. */
export const FirstSteps = ({ apiKey, isEmpty }: FirstStepsProps) => {
  const [isKept, setIsKept] = useState(false);
  const key = isKept ? undefined : apiKey;
  if (key === undefined && !isEmpty) return null;
  return (
    <section class="full first-steps">
      <h2>Send the first event</h2>
      {key !== undefined && (
        <p>
          Your API key, shown this once: <code>{key}</code>{' '}
          <button onClick={() => setIsKept(true)}>I have kept it</button>
        </p>
      )}
      <pre class="scrolling" tabIndex={0}>
        {command(key ?? '$PULSESTREAM_API_KEY')}
      </pre>
    </section>
  );
};
