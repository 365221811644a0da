import { createRequire } from 'node:module';
import type * as Http from 'node:http';
import type { AddressInfo } from 'node:net';
import { SeverityNumber } from '@opentelemetry/api-logs';
import { OTLPLogExporter as JsonLogs } from '@opentelemetry/exporter-logs-otlp-http';
import { OTLPLogExporter as ProtobufLogs } from '@opentelemetry/exporter-logs-otlp-proto';
import { OTLPTraceExporter as JsonTraces } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtobufTraces } from '@opentelemetry/exporter-trace-otlp-proto';
import type Express from 'express';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchLogRecordProcessor, LoggerProvider } from '@opentelemetry/sdk-logs';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';

/**
 * An Express server as its owner would instrument it, in a process of its own: makes requests to itself, exports what
 * the instrumentation saw, and ends. `program url key protobuf|json gzip|none service`
 */
const [base = '', key = '', encoding, compression, service = ''] = process.argv.slice(2);

const resource = resourceFromAttributes({
  'service.name': service,
  'service.version': '4.5.6',
  'deployment.environment.name': 'staging',
});
const options = (signal: string) => ({
  url: `${base}/v1/${signal}`,
  headers: { 'x-api-key': key },
  // The exporters' own enumeration is declared in a package that is not theirs.
  ...(compression === 'gzip' && { compression: 'gzip' as never }),
});
const traces =
  encoding === 'json' ? new JsonTraces(options('traces')) : new ProtobufTraces(options('traces'));
const logs = encoding === 'json' ? new JsonLogs(options('logs')) : new ProtobufLogs(options('logs'));
const tracing = new NodeTracerProvider({ resource, spanProcessors: [new BatchSpanProcessor(traces)] });
tracing.register();
const logging = new LoggerProvider({
  resource,
  processors: [new BatchLogRecordProcessor({ exporter: logs })],
});
registerInstrumentations({
  tracerProvider: tracing,
  instrumentations: [
    new HttpInstrumentation({
      ignoreOutgoingRequestHook: ({ path }) => path?.includes('/otlp/') ?? false,
      // What the instrumentation of Express adds.
      applyCustomAttributesOnSpan: (span, request) => {
        const route = (request as { route?: { path?: string } }).route?.path;
        if (route !== undefined) span.setAttribute('http.route', route);
      },
    }),
  ],
});

// Loaded after the instrumentation, which wraps what is required from then on.
const require = createRequire(import.meta.url);
const http = require('node:http') as typeof Http;
const express = require('express') as typeof Express;

const app = express();
app.get('/orders/:id', (_request, response) => {
  setTimeout(() => response.json({ ok: true }), 25);
});
app.post('/orders', (_request, response) => {
  response.status(201).end();
});
app.get('/broken', (_request, response) => {
  response.status(500).end();
});
const server = http.createServer(app).listen(0, '127.0.0.1');
await new Promise((resolve) => server.once('listening', resolve));
const { port } = server.address() as AddressInfo;

const call = (method: string, path: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const request = http.request({ host: '127.0.0.1', port, method, path, agent: false }, (response) => {
      response.resume().once('end', resolve);
    });
    request.once('error', reject).end();
  });
await call('GET', '/orders/42?api_key=s3cret');
await call('POST', '/orders');
await call('GET', '/missing');
await call('GET', '/broken');

const logger = logging.getLogger('orders');
logger.emit({ severityNumber: SeverityNumber.INFO, body: 'order placed', attributes: { 'order.id': 42 } });
logger.emit({ severityNumber: SeverityNumber.ERROR, body: 'card declined' });

await new Promise((resolve) => server.close(resolve));
await tracing.shutdown();
await logging.shutdown();
