// GraphQL over HTTP as its specification's own audits see it.
import { serverAudits } from 'graphql-http';
import { describe, expect, test } from 'vitest';
import { HTTP } from './board';

describe('the audits of GraphQL over HTTP', () => {
  const audits = serverAudits({ url: HTTP });

  test('are all there', () => expect(audits).toHaveLength(61));

  test.each(audits)('$id $name', async (audit) => {
    expect(await audit.fn()).toMatchObject({ status: 'ok' });
  });
});
