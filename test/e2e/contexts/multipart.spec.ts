import { Controller, Post, UploadedFile, UseGuards, UseInterceptors, Req, Get } from '@nestjs/common';
import { FileInterceptor } from '@nestjs/platform-express';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import multipart from '@fastify/multipart';
import { beforeAll, expect, it } from '@jest/globals';
import type { FastifyRequest } from 'fastify';
import { CsrfGuard, RedisSessionModule, Session, type HttpSession } from 'nestjs-redis-session';
import { eachAdapter, startApp } from '../../support/apps.js';
import { Browser, type BrowserResponse } from '../../support/cookie-jar.js';

@Controller()
class FormController {
  @Get('csrf')
  csrf(@Session() session: HttpSession): string {
    return session.csrfToken();
  }
}

@Controller()
class MulterController {
  @Post('upload')
  @UseGuards(CsrfGuard)
  @UseInterceptors(FileInterceptor('file'))
  upload(@UploadedFile() file: { buffer: Buffer }): string {
    return file.buffer.toString();
  }
}

@Controller()
class FastifyController {
  @Post('upload')
  @UseGuards(CsrfGuard)
  async upload(@Req() request: FastifyRequest): Promise<string> {
    const file = await request.file();
    return (await file?.toBuffer())?.toString() ?? 'none';
  }
}

/** As a browser's form sends it: the hidden field, then the file. */
function formWith(csrf: string): { body: string; type: string } {
  const parts = [
    `Content-Disposition: form-data; name="_csrf"\r\n\r\n${csrf}`,
    'Content-Disposition: form-data; name="file"; filename="a.txt"\r\nContent-Type: text/plain\r\n\r\ntea',
  ];
  const body = parts.map((part) => `--edge\r\n${part}\r\n`).join('') + '--edge--\r\n';
  return { body, type: 'multipart/form-data; boundary=edge' };
}

eachAdapter('CSRF in multipart forms', (adapter) => {
  let url = '';
  beforeAll(async () => {
    const upload = adapter === 'express' ? MulterController : FastifyController;
    const module = { imports: [RedisSessionModule.forRoot()], controllers: [FormController, upload] };
    const started = await startApp(adapter, module, {
      configure: async (app) => {
        if (adapter === 'fastify') await (app as NestFastifyApplication).register(multipart as never);
      },
    });
    url = started.url;
  });

  const upload = (browser: Browser, path: string, csrf: string, headers = {}): Promise<BrowserResponse> => {
    const { body, type } = formWith(csrf);
    return browser.post(path, body, { headers: { 'content-type': type, ...headers } });
  };

  it('the token in the header or in the address of the form is found, before the body is read', async () => {
    const browser = new Browser(url);
    const csrf = (await browser.get('/csrf')).text;
    const answers = [
      await upload(browser, '/upload', '', { 'x-csrf-token': csrf }),
      await upload(browser, `/upload?_csrf=${csrf}`, ''),
    ];
    for (const answer of answers) expect(answer).toMatchObject({ status: 201, text: 'tea' });
  });

  it('without it there, with that of another session or in a field that is not read yet, it is refused', async () => {
    const [browser, other] = [new Browser(url), new Browser(url)];
    const csrf = (await browser.get('/csrf')).text;
    const foreign = (await other.get('/csrf')).text;
    const answers = [
      await upload(browser, '/upload', csrf),
      await upload(browser, '/upload', ''),
      await upload(browser, `/upload?_csrf=${foreign}`, csrf),
      await upload(browser, `/upload?_csrf=${csrf}&_csrf=${csrf}`, csrf),
    ];
    for (const { status } of answers) expect(status).toBe(403);
    const json = { 'content-type': 'application/json' };
    expect((await browser.post(`/upload?_csrf=${csrf}`, '{}', { headers: json })).status).toBe(403);
  });
});
