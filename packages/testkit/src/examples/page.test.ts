// A browser as a client: Debian's Chromium against a real cluster.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BrowserContext, chromium, type Page } from 'playwright-core';
import { programPath, requires } from '../processes/requires.ts';
import { temporaryDirectory } from '../processes/temporary-directory.ts';
import { TestCluster } from '../processes/test-cluster.ts';
import { waitFor } from '../processes/wait-for.ts';
import { printed, program } from './program.ts';

const timeoutMs = 20_000;

const flags = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

test('a page follows keys, and goes on over another member', { skip: requires('chromium') }, async () => {
  await using server = program('page/serve.ts', ['0']);
  const pageUrl = await printed(server, /the page is at (\S+)/);
  await using cluster = await TestCluster.start({ allowOrigin: pageUrl });
  await using client = await cluster.connect();
  await client.put('flags/dark', 'off');
  await client.put('other', 'unseen');

  using profile = temporaryDirectory();
  const context = await openBrowser(profile.path);
  try {
    const page = await context.newPage();
    const complaints = await complaintsOf(page);
    // One endpoint: it learns the others from the member.
    const [first = ''] = cluster.endpoints;
    await page.goto(`${pageUrl}/?${new URLSearchParams({ endpoints: first, prefix: 'flags/' }).toString()}`);
    const keys = page.locator('#keys');
    const state = page.locator('#state');
    await shows(page, 'keys', 'flags/dark off');
    assert.equal(await state.textContent(), 'ready');

    await client.put('flags/dark', 'on');
    await shows(page, 'keys', 'flags/dark on');
    await client.put('flags/new', '<img src=x onerror=alert(1)>');
    await shows(page, 'keys', 'flags/dark on flags/new <img src=x onerror=alert(1)>');
    assert.equal(await keys.locator('img').count(), 0, 'a value is text');
    await client.delete('flags/new');
    await shows(page, 'keys', 'flags/dark on');
    assert.equal(complaints.join('\n'), '');

    await cluster.kill(1);
    await client.put('flags/dark', 'again');
    await shows(page, 'keys', 'flags/dark again');
    await shows(page, 'state', 'ready');
    // The dead member cannot be reached; nothing else went wrong.
    assert.deepEqual(
      complaints.filter((text) => !text.startsWith(`WebSocket connection to '${first}/' failed`)),
      [],
    );
  } finally {
    await context.close();
  }
});

test('a page of an origin that was not allowed stays outside', { skip: requires('chromium') }, async () => {
  await using server = program('page/serve.ts', ['0']);
  const pageUrl = await printed(server, /the page is at (\S+)/);
  await using cluster = await TestCluster.start({ members: 1 });
  using profile = temporaryDirectory();
  const context = await openBrowser(profile.path);
  try {
    const page = await context.newPage();
    const refused = page.waitForEvent('console', {
      predicate: (message) => message.text().includes('403'),
      timeout: timeoutMs,
    });
    await page.goto(`${pageUrl}/?endpoints=${cluster.endpoints.join(',')}`);
    await refused;
    assert.equal(await page.locator('#state').textContent(), 'connecting');
  } finally {
    await context.close();
  }
});

async function openBrowser(profile: string): Promise<BrowserContext> {
  const executablePath = programPath('chromium') as string;
  return chromium.launchPersistentContext(profile, { executablePath, args: flags, timeout: timeoutMs });
}

/** Errors of the page, and whatever its Content-Security-Policy forbade: of an `eval` that is refused and caught nothing else is seen. */
async function complaintsOf(page: Page): Promise<string[]> {
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  const tell = '({ blockedURI, violatedDirective }) => console.error(`${violatedDirective} forbids ${blockedURI}`)';
  await page.addInitScript({ content: `document.addEventListener('securitypolicyviolation', ${tell});` });
  return complaints;
}

/** `innerText` of an element, with all white space as one blank. */
async function shows(page: Page, id: string, expected: string): Promise<void> {
  const text = async (): Promise<string> => (await page.locator(`#${id}`).innerText()).replaceAll(/\s+/g, ' ').trim();
  await waitFor(
    async () => (await text()) === expected,
    timeoutMs,
    () => `#${id} does not show ${expected}`,
  );
}
