import "reflect-metadata/lite";
import { container, type DependencyContainer, instanceCachingFactory } from "tsyringe";

declare const held: unique symbol;
/** A key that knows what it stands for. No decorators and no emitted metadata: a bundler loses those, tests do not notice. */
export type Token<T> = symbol & { readonly [held]?: T };

export const token = <T>(name: string): Token<T> => Symbol(name);

/** The agent's parts by token: each is made once, when it is first asked for. */
export class Parts {
  readonly #container: DependencyContainer = container.createChildContainer();

  provide<T>(key: Token<T>, make: (parts: Parts) => NoInfer<T>): this {
    this.#container.register<T>(key, { useFactory: instanceCachingFactory(() => make(this)) });
    return this;
  }

  get<T>(key: Token<T>): T {
    return this.#container.resolve<T>(key);
  }
}
