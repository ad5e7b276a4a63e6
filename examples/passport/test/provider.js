import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { URL, URLSearchParams } from 'node:url';

/** An OAuth provider whose only user is ann, who agrees to everything. It checks the code and PKCE's verifier. */
export async function startProvider() {
  const challenges = new Map();
  let codes = 0;
  const server = createServer(async (request, response) => {
    const url = new URL(request.url, 'http://provider');
    if (url.pathname === '/authorize') {
      const code = `code-${(codes += 1)}`;
      challenges.set(code, url.searchParams.get('code_challenge'));
      const back = new URL(url.searchParams.get('redirect_uri'));
      back.searchParams.set('code', code);
      back.searchParams.set('state', url.searchParams.get('state'));
      return response.writeHead(302, { location: String(back) }).end();
    }
    let body = '';
    for await (const chunk of request) body += chunk;
    const form = new URLSearchParams(body);
    const challenge = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url');
    const isRight = challenges.get(form.get('code')) === challenge;
    challenges.delete(form.get('code'));
    const answer = isRight ? { access_token: 'ann', token_type: 'bearer' } : { error: 'invalid_grant' };
    response
      .writeHead(isRight ? 200 : 400, { 'content-type': 'application/json' })
      .end(JSON.stringify(answer));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}
