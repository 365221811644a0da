import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { chromium, type Browser, type Page } from 'playwright-core';
import {
  freshData,
  postJson,
  removeData,
  startServer,
  type StartedServer,
} from '../support/started-server.js';

const executablePath = '/usr/bin/chromium';
const describeInChromium = existsSync(executablePath) ? describe : describe.skip;
/** Where a screenshot is kept for people to look at; `docs/dashboard.png` is one of these. */
const screenshots = process.env['PULSESTREAM_SCREENSHOTS'];

const status = { ok: 200, missing: 404, failed: 500 };

describeInChromium('the page', () => {
  let data: string;
  let server: StartedServer;
  let browser: Browser;
  let page: Page;
  let api_key: string;
  const complaints: string[] = [];

  beforeAll(async () => {
    data = await freshData();
    server = await startServer(data, { PULSESTREAM_EVALUATION_SECONDS: '1' });
    browser = await chromium.launch({
      executablePath,
      args: [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    });
    page = await browser.newPage({
      viewport: { width: 1400, height: 1000 },
      timezoneId: 'UTC',
      locale: 'en-GB',
    });
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error' && !/Failed to load resource|WebSocket/.test(message.text()))
        complaints.push(message.text());
    });
  });
  afterAll(async () => {
    await browser.close();
    await server.stop();
    await removeData(data);
  });

  const send = (events: readonly object[]): Promise<unknown> =>
    postJson(`${server.url}/api/v1/ingestion/events/batch`, events, { 'x-api-key': api_key });
  const calls = (count: number, status_code: number, route: string): object[] =>
    Array.from({ length: count }, (_, index) => ({
      type: 'api_call',
      service: 'checkout',
      method: 'GET',
      route,
      status_code,
      duration_ms: 5 + ((index * 37) % 400),
    }));
  const tile = (name: string) =>
    page.locator('.tile', { has: page.getByText(name, { exact: true }) }).locator('dd');
  const shot = async (name: string): Promise<void> => {
    if (!screenshots) return;
    await mkdir(screenshots, { recursive: true });
    await page.screenshot({ path: join(screenshots, `${name}.png`), fullPage: true });
  };

  it('registers a tenant and signs its owner in', async () => {
    await page.goto(server.url);
    await page.getByRole('button', { name: 'Register a new tenant' }).click();
    await page.getByLabel('Tenant').fill('Acme');
    await page.getByLabel('E-mail').fill('ada@example.com');
    await page.getByLabel('Password').fill('a long enough password');
    await page.getByRole('button', { name: 'Register', exact: true }).click();
    await page.getByRole('status').getByText('Live').waitFor();

    const { access_token } = (await postJson(`${server.url}/api/v1/auth/login`, {
      email: 'ada@example.com',
      password: 'a long enough password',
    })) as { access_token: string };
    const key = (await postJson(
      `${server.url}/api/v1/auth/api-keys`,
      { name: 'browser test', scopes: ['ingest', 'read', 'alerting'] },
      { authorization: `Bearer ${access_token}` },
    )) as { api_key: { key: string } };
    api_key = key.api_key.key;
  });

  it('says what is wrong with a false password', async () => {
    const other = await browser.newPage();
    await other.goto(server.url);
    await other.getByLabel('E-mail').fill('ada@example.com');
    await other.getByLabel('Password').fill('not the password');
    await other.getByRole('button', { name: 'Sign in' }).click();
    await other.getByRole('alert').waitFor();
    await other.close();
  });

  it('shows requests as they arrive, without being loaded again', async () => {
    await send([
      ...calls(900, status.ok, '/orders/{id}'),
      ...calls(60, status.missing, '/search'),
      ...calls(40, status.failed, '/checkout'),
    ]);
    await tile('Requests').getByText('1,000', { exact: true }).waitFor();
    expect(await tile('Errors').innerText()).toBe('4 %');
    expect(await tile('Client errors').innerText()).toBe('6 %');
    expect(await tile('Median').innerText()).toMatch(/\d+ ms/);
    await page.locator('section', { hasText: 'Most failing routes' }).getByText('/checkout').waitFor();
    await page.locator('section', { hasText: 'Slowest routes' }).getByText('/orders/{id}').waitFor();
    await page.locator('.events tr').first().waitFor();
    expect(await page.locator('.uplot canvas').count()).toBe(2);
  });

  it('shows an alert that fires, and acknowledges and resolves it', async () => {
    await postJson(
      `${server.url}/api/v1/alerting/rules`,
      {
        name: 'Checkout fails',
        severity: 'critical',
        enabled: true,
        condition: { metric: 'error_count', operator: '>', threshold: 50 },
        window_seconds: 300,
        for_seconds: 0,
      },
      { 'x-api-key': api_key },
    );
    await send(calls(60, status.failed, '/checkout'));
    const alert = page.locator('.alert', { hasText: 'Checkout fails' });
    await alert.getByText('firing').waitFor();
    await shot('dashboard');
    await alert.getByRole('button', { name: 'Acknowledge' }).click();
    await alert.getByText('acknowledged').waitFor();
    await alert.getByRole('button', { name: 'Resolve' }).click();
    await alert.getByText('resolved').waitFor();
  });

  it('survives the server going away and coming back', async () => {
    const { port } = new URL(server.url);
    await server.stop();
    await page.getByRole('status').getByText('Reconnecting').waitFor();
    server = await startServer(data, { PULSESTREAM_EVALUATION_SECONDS: '1', PORT: port });
    await page.getByRole('status').getByText('Live').waitFor();
    await send(calls(10, status.ok, '/after'));
    await tile('Requests').getByText('1,070', { exact: true }).waitFor();
  });

  it('is readable on a phone and in the dark', async () => {
    await page.setViewportSize({ width: 390, height: 844 });
    await page.emulateMedia({ colorScheme: 'dark' });
    const width = await page.evaluate('document.documentElement.scrollWidth');
    expect(width).toBeLessThanOrEqual(390);
    const ground = await page.evaluate('getComputedStyle(document.documentElement).backgroundColor');
    expect(ground).toBe('rgb(15, 21, 26)');
    await shot('phone-dark');
  });

  it('complains about nothing in the console', () => {
    expect(complaints).toEqual([]);
  });
});
