/** A spec that its kind does not accept. `message` names the kind and every field that is wrong. */
export class InvalidSpec extends Error {
  override readonly name = "InvalidSpec";
}
