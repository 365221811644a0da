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
import { until } from '../support/until.js';
import { background, painted, refreshToken, scrolling, width } from './in-page.js';
import { hourOfTraffic } from './traffic.js';

const executablePath = '/usr/bin/chromium';
const describeInChromium = existsSync(executablePath) ? describe : describe.skip;
/** Where the pictures of the page are written; `PULSESTREAM_SCREENSHOTS=docs` makes the documentation's anew. */
const screenshots = process.env['PULSESTREAM_SCREENSHOTS'];

const PASSWORD = 'a long enough password';
const status = { ok: 200, missing: 404, failed: 500 };
const quick = { PULSESTREAM_EVALUATION_SECONDS: '1' };

const calls = (count: number, status_code: number, route: string): readonly object[] =>
  Array.from({ length: count }, (_, index) => ({
    type: 'api_call',
    service: 'checkout',
    method: 'GET',
    route,
    status_code,
    duration_ms: 5 + ((index * 37) % 400),
  }));

describeInChromium('the page', () => {
  let data: string;
  let server: StartedServer;
  let browser: Browser;
  const complaints: string[] = [];

  beforeAll(async () => {
    data = await freshData();
    server = await startServer(data, quick);
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
  });
  afterAll(async () => {
    await browser.close();
    await server.stop();
    await removeData(data);
  });

  /** A window of its own, with nobody signed in. */
  const open = async (): Promise<Page> => {
    const page = await browser.newPage({
      viewport: { width: 1400, height: 1000 },
      timezoneId: 'UTC',
      locale: 'en-US',
    });
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error' && !/Failed to load resource|WebSocket/.test(message.text()))
        complaints.push(message.text());
    });
    await page.goto(server.url);
    return page;
  };
  /** Registers a tenant on the page; answers the API key that it shows. */
  const register = async (page: Page, tenant: string, email: string): Promise<string> => {
    await page.getByRole('button', { name: 'Register a new tenant' }).click();
    await page.getByLabel('Tenant').fill(tenant);
    await page.getByLabel('E-mail').fill(email);
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Register', exact: true }).click();
    await live(page);
    const key = await page.locator('.first-steps code').innerText();
    await page.getByRole('button', { name: 'I have kept it' }).click();
    return key;
  };
  const live = (page: Page): Promise<void> => page.getByRole('status').getByText('Live').waitFor();
  const send = (api_key: string, events: readonly object[]): Promise<unknown> =>
    postJson(`${server.url}/api/v1/ingestion/events/batch`, events, { 'x-api-key': api_key });
  const defineRule = (api_key: string, rule: object): Promise<unknown> =>
    postJson(
      `${server.url}/api/v1/alerting/rules`,
      { enabled: true, window_seconds: 300, for_seconds: 0, ...rule },
      { 'x-api-key': api_key },
    );
  const tile = (page: Page, name: string) =>
    page.locator('.tile', { has: page.getByText(name, { exact: true }) }).locator('dd');
  const panel = (page: Page, name: string) =>
    page.locator('section', { has: page.getByRole('heading', { name }) });
  const place = async (page: Page, name: string) => {
    const box = await panel(page, name).boundingBox();
    if (!box) throw new Error(`${name} is not shown.`);
    return box;
  };
  const shot = async (page: Page, name: string): Promise<void> => {
    if (!screenshots) return;
    await mkdir(screenshots, { recursive: true });
    await page.evaluate('scrollTo(0, 0)');
    await page.screenshot({ path: join(screenshots, `${name}.png`), fullPage: true });
  };

  it('shows what was not stored, by reason, and what was stored today', async () => {
    const page = await open();
    const api_key = await register(page, 'Sloppy', 'eve@example.com');
    const shown = panel(page, 'What was not stored');
    await shown.getByText('Everything that came').waitFor();
    await send(api_key, [{ type: 'note' }, { type: 'No type' }, {}]);
    // It looks again by itself, only not at once.
    await page.reload();
    await shown.getByText('required property').waitFor();
    await shown.getByText('/type', { exact: true }).first().waitFor();
    await shown.getByText(/Stored today.*: 1 event, 15 bytes/).waitFor();
    await page.close();
  });

  describe('for somebody new', () => {
    let page: Page;
    let api_key: string;

    beforeAll(async () => {
      page = await open();
    });

    it('registers a tenant, signs its owner in and shows the API key once', async () => {
      api_key = await register(page, 'Acme', 'ada@example.com');
      expect(api_key).toMatch(/^ps_/);
      expect(await page.getByText(api_key).count()).toBe(0);
      await page.getByText('Send the first event').waitFor();
      await panel(page, 'Alerts').getByText('No alerts.').waitFor();
    });

    it('shows requests as they arrive, without being loaded again', async () => {
      await send(api_key, [
        ...calls(900, status.ok, '/orders/{id}'),
        ...calls(60, status.missing, '/search'),
        ...calls(40, status.failed, '/checkout'),
      ]);
      await tile(page, 'Requests').getByText('1,000', { exact: true }).waitFor();
      expect(await tile(page, 'Errors').innerText()).toBe('4 %');
      expect(await tile(page, 'Client errors').innerText()).toBe('6 %');
      expect(await tile(page, 'Median').innerText()).toMatch(/\d+ ms/);
      await panel(page, 'Most failing routes').getByText('/checkout').waitFor();
      await panel(page, 'Slowest routes').getByText('/orders/{id}').waitFor();
      await page.locator('.events tbody tr').first().waitFor();
      expect(await page.getByText('Send the first event').count()).toBe(0);
    });

    it('draws a single minute where there is no line to draw', async () => {
      expect(await page.locator('.uplot canvas').count()).toBe(2);
      for (const colour of ['--accent', '--warn', '--bad'])
        expect(await painted(page, 1, colour)).toBeGreaterThan(0);
    });

    it('shows an alert that fires, and acknowledges and resolves it', async () => {
      await defineRule(api_key, {
        name: 'Checkout fails',
        severity: 'critical',
        condition: { metric: 'error_count', operator: '>', threshold: 50 },
      });
      await send(api_key, calls(60, status.failed, '/checkout'));
      const alert = page.locator('.alert', { hasText: 'Checkout fails' });
      await alert.getByText('firing').waitFor();
      await alert.getByRole('button', { name: 'Acknowledge' }).click();
      await alert.getByText('acknowledged').waitFor();
      await alert.getByRole('button', { name: 'Resolve' }).click();
      await alert.getByText('resolved').waitFor();
    });

    it('survives the server going away and coming back', async () => {
      const { port } = new URL(server.url);
      await server.stop();
      await page.getByRole('status').getByText('Reconnecting').waitFor();
      server = await startServer(data, { ...quick, PORT: port });
      await live(page);
      await send(api_key, calls(10, status.ok, '/after'));
      await tile(page, 'Requests').getByText('1,070', { exact: true }).waitFor();
    });

    it('stays signed in when it is loaded again, and signs out', async () => {
      await page.reload();
      await live(page);
      expect(await page.getByText(api_key).count()).toBe(0);
      await page.getByRole('button', { name: 'Sign out' }).click();
      await page.getByRole('heading', { name: 'Sign in' }).waitFor();
      await page.reload();
      await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    });
  });

  describe('signing in', () => {
    it('says what is wrong with a false password', async () => {
      const page = await open();
      await page.getByLabel('E-mail').fill('ada@example.com');
      await page.getByLabel('Password').fill('not the password');
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByRole('alert').getByText('E-mail address or password is wrong.').waitFor();
      await page.close();
    });

    it('is asked for again, with the reason, when the session was ended elsewhere', async () => {
      const page = await open();
      await page.getByLabel('E-mail').fill('ada@example.com');
      await page.getByLabel('Password').fill(PASSWORD);
      await page.keyboard.press('Enter');
      await live(page);
      const refresh_token = await refreshToken(page);
      await fetch(`${server.url}/api/v1/auth/logout`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ refresh_token }),
      });
      await page.getByText('Your session has ended. Please sign in again.').waitFor();
      await page.getByRole('heading', { name: 'Sign in' }).waitFor();
      await page.close();
    });
  });

  it('says where old data is, shows it, and comes back to now', async () => {
    const page = await open();
    const api_key = await register(page, 'History', 'clio@example.com');
    await send(
      api_key,
      calls(12, status.ok, '/old').map((call, index) => ({
        ...call,
        timestamp: `2015-05-20T21:05:${String(10 + index)}Z`,
      })),
    );
    await page.getByText('Newest data: 20 May 2015.').waitFor();
    expect(await tile(page, 'Requests').innerText()).toBe('0');
    await page.getByRole('button', { name: 'Show it' }).click();
    await tile(page, 'Requests').getByText('12', { exact: true }).waitFor();
    await page.getByText('Looking back: up to 20 May 2015, 21:05:21.').waitFor();
    await page.getByRole('button', { name: 'Back to now' }).click();
    await tile(page, 'Requests').getByText('0', { exact: true }).waitFor();
    await page.getByText('Newest data: 20 May 2015.').waitFor();
    await page.close();
  });

  describe('with an hour of traffic', () => {
    let page: Page;

    beforeAll(async () => {
      page = await open();
      const api_key = await register(page, 'Shop', 'ops@shop.example');
      await defineRule(api_key, {
        name: 'Payments are failing',
        severity: 'critical',
        condition: { metric: 'error_rate', operator: '>', threshold: 0.25 },
        group_by: ['service'],
      });
      await defineRule(api_key, {
        name: 'Slow responses',
        severity: 'warning',
        condition: { metric: 'latency_p95', operator: '>', threshold: 1500 },
        group_by: ['service'],
      });
      const events = hourOfTraffic(Date.now());
      for (let at = 0; at < events.length; at += 1000) await send(api_key, events.slice(at, at + 1000));
      const slow = page.locator('.alert', { hasText: 'Slow responses' });
      await slow.getByRole('button', { name: 'Acknowledge' }).click();
      await slow.getByText('acknowledged').waitFor();
      await page.locator('.alert', { hasText: 'Payments are failing' }).getByText('firing').waitFor();
    });

    it('has two equal columns where there is room, and one where there is not', async () => {
      const [left, right] = [await place(page, 'Requests'), await place(page, 'Response time')];
      const all = await place(page, 'Alerts');
      expect(left.y).toBe(right.y);
      expect(left.width).toBeCloseTo(right.width, 0);
      expect(right.x + right.width).toBeCloseTo(all.x + all.width, 0);
      await shot(page, 'dashboard');

      await page.setViewportSize({ width: 900, height: 1000 });
      expect((await place(page, 'Response time')).y).toBeGreaterThan((await place(page, 'Requests')).y);
      await page.setViewportSize({ width: 1400, height: 1000 });
    });

    it('keeps the events in a box that scrolls by itself', async () => {
      const box = page.getByRole('region', { name: 'Events as they arrive' });
      const { shown, whole } = await scrolling(page, '.scrolling');
      expect(shown).toBeLessThan(500);
      expect(whole).toBeGreaterThan(shown);
      await box.focus();
      await page.keyboard.press('End');
      await until(async () => (await scrolling(page, '.scrolling')).above > 0);
    });

    it('is readable on a phone and in the dark', async () => {
      await page.setViewportSize({ width: 390, height: 844 });
      await page.emulateMedia({ colorScheme: 'dark' });
      expect(await width(page)).toBeLessThanOrEqual(390);
      expect(await background(page)).toBe('rgb(15, 21, 26)');
      // The charts take the new colours as well.
      await until(async () => (await painted(page, 0, '--accent')) > 0);
      await until(async () => (await painted(page, 1, '--bad')) > 0);
      await page.reload();
      await page.locator('.alert', { hasText: 'Payments are failing' }).waitFor();
      await until(async () => (await painted(page, 1, '--bad')) > 0);
      await page.locator('.events tbody tr').first().waitFor();
      await shot(page, 'dashboard-phone-dark');
    });
  });

  it('complains about nothing in the console', () => {
    expect(complaints).toEqual([]);
  });
});
