// GraphiQL in a real browser: it shows data and follows changes, asks nobody else, and complains of nothing.
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BASE, connect, createProject, createTask, HTTP } from './board';
import { CHROMIUM, isOf, launch, picture, watch } from './browser';

function isIdle(message: string): boolean {
  return message.includes('"changes":[]');
}

describe.skipIf(!CHROMIUM)('GraphiQL', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launch();
  }, 60_000);
  afterAll(() => browser.close());

  test('shows data in the first tab, writes in the third, and shows each change in the second', async () => {
    const database = await connect();
    const project = await createProject(database);
    const id = await createTask(database, project, { title: 'Seen in the copy' });
    const page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
    const watched = watch(page);
    // The editor draws only the lines in sight; it knows all of them.
    const response = () =>
      page.evaluate(() => {
        const editor = document.querySelector('.result-window .CodeMirror');
        return (editor as { CodeMirror?: { getValue(): string } } | null)?.CodeMirror?.getValue() ?? '';
      });
    const run = () => page.getByRole('button', { name: /Execute query/ }).click();

    await page.goto(HTTP);
    await run();
    await expect.poll(response).toContain('"name": "Mobile app"');

    await page.getByRole('tab', { name: 'Start' }).click();
    await run();
    await expect.poll(response).toContain('"patchTask"');
    expect(JSON.parse(await response())).toMatchObject({ data: { patchTask: { status: 'DOING' } } });

    // At once, as a quick user would: GraphiQL itself still names the operation of the tab before.
    await page.getByRole('tab', { name: 'Live' }).click();
    await run();
    await expect.poll(response).toContain('Seen in the copy');
    expect(JSON.parse(await response())).toMatchObject({ data: { tasks: { reset: 'START' } } });

    await database.query(`UPDATE task SET title = 'Seen as a change' WHERE id = $1`, [id]);
    await expect.poll(response).toContain('Seen as a change');
    expect(JSON.parse(await response())).toMatchObject({
      data: { tasks: { reset: null, changes: [{ op: 'PATCH', key: { id }, changed: ['title'] }] } },
    });

    // What happens elsewhere only moves the position; what happened here last stays in sight. When the second
    // such message is here, the page has dealt with the first.
    for (const wanted of [1, 2]) {
      await createProject(database);
      await expect.poll(() => watched.received.filter(isIdle).length).toBeGreaterThanOrEqual(wanted);
    }
    expect(await response()).toContain('Seen as a change');

    await page.screenshot({ path: picture('graphiql') });
    expect(watched.addresses.filter((address) => !isOf(BASE, address))).toEqual([]);
    expect(watched.complaints).toEqual([]);
  });
});
