import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import { Module, type DynamicModule } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { GraphQLModule } from '@nestjs/graphql';
import { MercuriusDriver, type MercuriusDriverConfig } from '@nestjs/mercurius';
import { RedisSessionModule } from 'nestjs-redis-session';
import { ShopResolver } from './shop.resolver.js';

const apollo = GraphQLModule.forRoot<ApolloDriverConfig>({
  driver: ApolloDriver,
  autoSchemaFile: true,
  subscriptions: { 'graphql-ws': true },
});

const mercurius = GraphQLModule.forRoot<MercuriusDriverConfig>({
  driver: MercuriusDriver,
  autoSchemaFile: true,
  subscription: true,
});

@Module({
  imports: [ConfigModule.forRoot({ isGlobal: true }), RedisSessionModule.forRootAsync()],
  providers: [ShopResolver],
})
class ShopModule {}

@Module({})
export class AppModule {
  /** With either driver: the resolvers are the same. */
  static with(driver: 'apollo' | 'mercurius'): DynamicModule {
    return { module: AppModule, imports: [ShopModule, driver === 'apollo' ? apollo : mercurius] };
  }
}
