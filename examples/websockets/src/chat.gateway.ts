import { UseGuards } from '@nestjs/common';
import { MessageBody, SubscribeMessage, WebSocketGateway, type WsResponse } from '@nestjs/websockets';
import { AuthenticatedGuard, CsrfGuard, Principal, Session, type HttpSession } from 'nestjs-redis-session';

interface ChatSession {
  said?: string[];
}

/** CsrfGuard: no page of another host may open a socket with this user's cookie. */
@WebSocketGateway()
@UseGuards(CsrfGuard, AuthenticatedGuard)
export class ChatGateway {
  /** The session as it is stored when the message arrives; saved before the answer leaves. */
  @SubscribeMessage('say')
  say(
    @MessageBody() text: string,
    @Session() session: HttpSession<ChatSession>,
    @Principal() userId: string,
  ): WsResponse {
    session.said = [...(session.said ?? []), text];
    return { event: 'said', data: { by: userId, said: session.said } };
  }
}
