// The project board in a real browser, on a server of its own that can be killed: windows follow each other, nothing is
// lost without a connection, and everything can be done by keyboard and read by a screen reader.
import axe from 'axe-core';
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { Server } from '../../client/test/live/server';
import { CHROMIUM, isOf, launch, picture, watch, type Watched } from './browser';

/** What the first load may weigh on the network, in bytes. */
const BUDGET = 150_000;
/** Of the example database. */
const ADA = '10000000-0000-4000-8000-000000000001';
const TASK = 'Order the desks for the second floor';

/** An entry of the browser's `layout-shift`. */
interface Shift {
  value: number;
  sources: { node: Node | null }[];
}

interface Window {
  page: Page;
  watched: Watched;
}

describe.skipIf(!CHROMIUM)('the board', () => {
  let browser: Browser;
  let server: Server;
  beforeAll(async () => {
    [browser, server] = await Promise.all([launch(), Server.start()]);
  }, 90_000);
  afterAll(() => Promise.all([browser.close(), server.stop()]));

  /** A window of a person of its own, once it shows the project's board. */
  async function open(project: string, options: BrowserContextOptions = {}): Promise<Window> {
    const context = await browser.newContext({ viewport: { width: 1400, height: 900 }, ...options });
    onTestFinished(() => context.close());
    const page = await context.newPage();
    page.setDefaultTimeout(30_000);
    const watched = watch(page);
    await page.goto(`${server.base}/?project=${project}`);
    await page.locator('.wire-button[data-state=live]').waitFor();
    return { page, watched };
  }

  async function post<Data>(query: string, variables: Record<string, unknown> = {}): Promise<Data> {
    const body = JSON.stringify({ query, variables });
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(`${server.base}/graphql`, { method: 'POST', headers, body });
    const { data, errors } = (await response.json()) as { data: Data; errors?: unknown };
    if (errors) throw new Error(JSON.stringify(errors));
    return data;
  }

  /** A project of its own, with these tasks to do. */
  async function project(...titles: string[]): Promise<string> {
    const slug = `test-${crypto.randomUUID()}`;
    const { createProject } = await post<{ createProject: { id: string } }>(
      'mutation ($slug: String!) { createProject(project: { name: "Test", slug: $slug }) { id } }',
      { slug },
    );
    for (const [index, title] of titles.entries()) {
      const task = { projectId: createProject.id, authorId: ADA, title, position: index * 10 };
      await post('mutation ($task: TaskCreateInput!) { createTask(task: $task) { id } }', { task });
    }
    return slug;
  }

  async function rename(from: string, to: string): Promise<void> {
    const found = await post<{ tasks: { nodes: { id: string }[] } }>(
      'query ($title: String!) { tasks(where: { title: { eq: $title } }) { nodes { id } } }',
      { title: from },
    );
    await post('mutation ($id: UUID!, $title: String!) { patchTask(id: $id, patch: { title: $title }) { id } }', {
      id: found.tasks.nodes[0]?.id,
      title: to,
    });
  }

  const column = (page: Page, name: string): Locator => page.getByRole('region', { name, exact: true });
  const titles = (page: Page, name: string): Promise<string[]> => column(page, name).locator('.card-title').allTextContents();
  const card = (page: Page, title: string): Locator => page.getByRole('button', { name: title, exact: true });
  const state = (page: Page, name: string): Promise<void> => page.locator(`.wire-button[data-state=${name}]`).waitFor();
  const figure = (page: Page, name: string): Promise<string | null> =>
    page.locator('.standing div', { hasText: name }).locator('dd').textContent();

  test('two windows show the same, whoever of them writes', async () => {
    const slug = await project('Choose a colour', 'Buy paint');
    const [{ page: ada, watched }, { page: bruno }] = await Promise.all([open(slug), open(slug)]);

    // A new task, by keyboard.
    await ada.keyboard.press('n');
    await ada.keyboard.type(TASK);
    await ada.keyboard.press('Enter');
    await ada.keyboard.press('Escape');
    await expect.poll(() => titles(bruno, 'To do')).toEqual([TASK, 'Choose a colour', 'Buy paint']);

    // All that can be done to one, in its sheet.
    await card(bruno, TASK).click();
    const sheet = bruno.getByRole('dialog');
    await sheet.getByRole('textbox', { name: 'Title' }).fill('Order the desks');
    await sheet.getByRole('textbox', { name: 'Note' }).fill('Forty of them.');
    await sheet.getByText('Doing').click();
    await sheet.getByRole('button', { name: 'customer' }).click();
    await sheet.getByLabel('Who does it').selectOption({ label: 'Grace O\'Connor' });
    await sheet.getByLabel('Priority').selectOption('5');
    await sheet.getByRole('textbox', { name: 'Your comment' }).fill('Which ones?');
    await sheet.getByRole('button', { name: 'Comment', exact: true }).click();
    await sheet.getByText('Which ones?').waitFor();
    await bruno.keyboard.press('Escape');

    await expect.poll(() => titles(ada, 'Doing')).toEqual(['Order the desks']);
    const seen = column(ada, 'Doing').locator('.card');
    await expect.poll(() => seen.locator('.label').allTextContents()).toEqual(['customer']);
    await expect.poll(() => seen.locator('.card-foot').textContent()).toMatch(/Priority 5.*1 comment.*Done by Grace O'Connor/);
    await card(ada, 'Order the desks').click();
    await expect.poll(() => ada.getByRole('textbox', { name: 'Note' }).inputValue()).toBe('Forty of them.');
    await ada.getByRole('dialog').getByText('Which ones?').waitFor();

    await ada.getByRole('button', { name: 'Delete the task' }).click();
    await ada.getByRole('button', { name: 'Delete for good' }).click();
    await expect.poll(() => titles(bruno, 'Doing')).toEqual([]);
    await expect.poll(() => figure(ada, 'Own writes')).toBe('0');
    expect(watched.addresses.filter((address) => !isOf(server.base, address))).toEqual([]);
    expect(watched.complaints).toEqual([]);
  });

  test('a card is moved by the keys alone, and by the pointer', async () => {
    const slug = await project('One', 'Two', 'Three');
    const [{ page: ada }, { page: bruno }] = await Promise.all([open(slug), open(slug)]);

    // Down past its neighbour.
    await card(ada, 'One').focus();
    await ada.keyboard.press('Space');
    await ada.keyboard.press('ArrowDown');
    await ada.getByText('To do, 2 of 3').waitFor();
    await ada.keyboard.press('Space');
    await expect.poll(() => titles(bruno, 'To do')).toEqual(['Two', 'One', 'Three']);

    // Into the next column; the focus goes with it, so that the next key is for the same card.
    await ada.keyboard.press('Space');
    await ada.keyboard.press('ArrowRight');
    await ada.keyboard.press('Enter');
    await expect.poll(() => titles(bruno, 'Doing')).toEqual(['One']);
    expect(await ada.evaluate(() => document.activeElement?.textContent)).toBe('One');

    // Escape puts it back where it was.
    await ada.keyboard.press('Space');
    await ada.keyboard.press('ArrowRight');
    expect(await titles(ada, 'Done')).toEqual(['One']);
    await ada.keyboard.press('Escape');
    expect(await titles(ada, 'Doing')).toEqual(['One']);

    // Between two others, by pointer: onto the upper half of the lower one.
    await bruno.locator('.card', { hasText: 'One' }).dragTo(bruno.locator('.card', { hasText: 'Three' }), { targetPosition: { x: 60, y: 8 } });
    await expect.poll(() => titles(ada, 'To do')).toEqual(['Two', 'One', 'Three']);
    await bruno.locator('.card', { hasText: 'Two' }).dragTo(column(bruno, 'Done').locator('.column-cards'));
    await expect.poll(() => titles(ada, 'Done')).toEqual(['Two']);
  });

  test('without a connection both go on working, also over a reload', async () => {
    const slug = await project('Here', 'There');
    const [{ page: ada }, { page: bruno }] = await Promise.all([open(slug), open(slug)]);
    await ada.getByRole('button', { name: 'Cut the connection' }).click();
    await state(ada, 'offline');

    await card(ada, 'Here').focus();
    await ada.keyboard.press('Space');
    await ada.keyboard.press('ArrowRight');
    await ada.keyboard.press('Space');
    await ada.getByText('1 change will be sent').waitFor();
    await column(ada, 'Doing').getByText('Not sent yet').waitFor();
    await ada.screenshot({ path: picture('board-offline') });
    await rename('There', 'There, meanwhile');
    await expect.poll(() => titles(bruno, 'To do')).toEqual(['Here', 'There, meanwhile']);
    expect(await titles(ada, 'To do')).toEqual(['There']);

    // The write waits in the browser, and the page in its next life goes on from where the copy was.
    await ada.reload();
    await state(ada, 'live');
    await expect.poll(() => titles(ada, 'To do')).toEqual(['There, meanwhile']);
    await expect.poll(() => titles(ada, 'Doing')).toEqual(['Here']);
    await expect.poll(() => titles(bruno, 'Doing')).toEqual(['Here']);
    await expect.poll(() => ada.locator('.message-kind').allTextContents()).toContain('go on from');
    expect(await ada.locator('.message-kind').allTextContents()).not.toContain('copy');
  });

  test('a message that is lost is noticed and fetched', async () => {
    const slug = await project('Lost');
    const { page } = await open(slug);
    await page.getByRole('button', { name: 'Lose a message' }).click();
    await rename('Lost', 'Found');
    await page.getByRole('button', { name: 'Lose a message' }).waitFor();
    // The next message names the one that is missing.
    await page.getByRole('button', { name: 'Write from another program' }).click();
    await expect.poll(() => titles(page, 'Doing')).toEqual(['Found']);
    // A lost message can be missed by its connection and by its copy; nothing stays missing.
    await expect.poll(() => figure(page, 'Gaps')).toMatch(/^([1-9]\d*) \/ \1$/);
  });

  test('a slow line shows own writes at once and others later', async () => {
    const slug = await project('Slow');
    const [{ page: ada }, { page: bruno }] = await Promise.all([open(slug), open(slug)]);
    await ada.locator('.segments.small').getByText('2 s').click();
    await card(ada, 'Slow').focus();
    await ada.keyboard.press('Space');
    await ada.keyboard.press('ArrowRight');
    await ada.keyboard.press('Space');
    expect(await titles(ada, 'Doing')).toEqual(['Slow']);
    expect(await figure(ada, 'Own writes')).toBe('1');
    expect(await titles(bruno, 'To do')).toEqual(['Slow']);
    await expect.poll(() => titles(bruno, 'Doing')).toEqual(['Slow']);
    await expect.poll(() => figure(ada, 'Own writes')).toBe('0');
  });

  test('what the server refuses is taken back, with its reason', async () => {
    const slug = await project('Small');
    const { page } = await open(slug);
    await card(page, 'Small').click();
    await page.getByRole('spinbutton', { name: 'Points' }).fill('-1');
    await page.getByRole('textbox', { name: 'Note' }).focus();
    await page.getByRole('alert').getByText('task_points_not_negative').waitFor();
    await page.getByRole('button', { name: 'Dismiss' }).click();
    await expect.poll(() => page.getByRole('spinbutton', { name: 'Points' }).inputValue()).toBe('');
  });

  test('the filter finds by text, person and label, and the address keeps it', async () => {
    const { page } = await open('mobile-app');
    await page.keyboard.press('/');
    await page.keyboard.type('offline');
    await expect.poll(() => titles(page, 'Doing')).toEqual(['Queue writes while offline']);
    await page.getByRole('searchbox').fill('');
    await page.getByRole('button', { name: 'Jakub Nowak' }).click();
    await expect.poll(() => titles(page, 'Doing')).toContain('App crashes when the photo is larger than 20 MB');
    const found = await titles(page, 'Doing');
    await page.reload();
    await state(page, 'live');
    await expect.poll(() => titles(page, 'Doing')).toEqual(found);
    await page.getByRole('combobox', { name: 'Label', exact: true }).selectOption({ label: 'blocked' });
    await page.getByText('Nothing here matches the filter.').first().waitFor();
    await page.getByRole('button', { name: 'Clear' }).click();
    await expect.poll(async () => (await titles(page, 'Doing')).length).toBeGreaterThan(found.length);
  });

  test('the server is killed and comes back: the window goes on from where it was', async () => {
    const slug = await project('Before');
    const { page } = await open(slug);
    await server.kill();
    await state(page, 'offline');
    await card(page, 'Before').focus();
    await page.keyboard.press('Space');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Space');
    await server.start();
    await state(page, 'live');
    await expect.poll(() => figure(page, 'Own writes')).toBe('0');
    expect(await titles(page, 'Doing')).toEqual(['Before']);
    await rename('Before', 'After');
    await expect.poll(() => titles(page, 'Doing')).toEqual(['After']);
    expect(await page.locator('.message-kind').allTextContents()).toContain('go on from');
  });

  for (const colorScheme of ['light', 'dark'] as const) {
    test(`axe finds nothing to complain of, ${colorScheme}`, async () => {
      const { page } = await open('website-relaunch', { colorScheme, reducedMotion: 'reduce' });
      await page.getByRole('button', { name: 'Write from another program' }).click();
      await page.locator('.message', { hasText: 'PATCH' }).first().waitFor();
      await page.locator('.has-arrived').waitFor({ state: 'detached' });
      expect(await violations(page)).toEqual([]);
      await page.screenshot({ path: picture(`board-${colorScheme}`) });
      await card(page, 'Relaunch the website').click();
      await page.getByRole('dialog').waitFor();
      expect(await violations(page)).toEqual([]);
      await page.screenshot({ path: picture(`board-detail-${colorScheme}`) });
      await page.keyboard.press('Escape');
      await page.setViewportSize({ width: 390, height: 844 });
      await page.keyboard.press('w');
      expect(await violations(page)).toEqual([]);
      const width = await page.evaluate(() => document.documentElement.scrollWidth);
      expect(width).toBe(390);
      await page.screenshot({ path: picture(`board-narrow-${colorScheme}`) });
    });
  }

  test('the first load is light, and nothing moves once it is there', async () => {
    const context = await browser.newContext({ viewport: { width: 1400, height: 900 } });
    onTestFinished(() => context.close());
    const page = await context.newPage();
    await page.addInitScript(() => {
      const seen = { shift: 0, moved: [] as string[] };
      Object.assign(globalThis, { seen });
      new PerformanceObserver((list) => {
        for (const { value, sources } of list.getEntries() as unknown as Shift[]) {
          // The log of messages grows at its top: that is what it is for.
          const moved = sources.flatMap(({ node }) => (node instanceof Element && !node.closest('.messages') ? [node] : []));
          if (moved.length > 0) seen.shift += value;
          seen.moved.push(...moved.map((element) => element.outerHTML.slice(0, 120)));
        }
      }).observe({ type: 'layout-shift', buffered: true });
    });
    const loaded: Promise<[string, number]>[] = [];
    page.on('requestfinished', (request) => {
      loaded.push(request.sizes().then(({ responseBodySize }) => [request.url(), responseBodySize]));
    });
    await page.goto(`${server.base}/?project=mobile-app`);
    await state(page, 'live');
    await page.evaluate(() => document.fonts.ready);
    const sizes = await Promise.all(loaded);
    const sum = sizes.reduce((all, [, size]) => all + size, 0);
    console.log(`first load of the board: ${sum} bytes over the network\n${sizes.map(([url, size]) => `  ${size} ${url}`).join('\n')}`);
    expect(sum).toBeGreaterThan(50_000);
    expect(sum).toBeLessThan(BUDGET);
    const seen = await page.evaluate(() => (globalThis as unknown as { seen: { shift: number; moved: string[] } }).seen);
    expect(seen.shift, seen.moved.join('\n')).toBeLessThan(0.02);
  });

  test('the board and GraphiQL lead to each other', async () => {
    const { page } = await open('mobile-app');
    await page.getByRole('link', { name: 'GraphiQL' }).click();
    await page.getByRole('button', { name: /Execute query/ }).waitFor();
    await page.getByRole('link', { name: 'Board' }).click();
    await state(page, 'live');
  });
});

/** What axe complains of, and where. */
async function violations(page: Page): Promise<string[]> {
  // The page lets no script in but its own; what the debugger evaluates is none of the page's.
  await page.evaluate(axe.source);
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: { run(): Promise<{ violations: { id: string; help: string; nodes: { html: string }[] }[] }> } };
    const { violations } = await axe.run();
    return violations.flatMap(({ id, help, nodes }) => nodes.map(({ html }) => `${id}: ${help}: ${html.slice(0, 160)}`));
  });
}
