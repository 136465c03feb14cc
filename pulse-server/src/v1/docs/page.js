// The API's reference, made of /openapi.json. Text goes into the page as text only.
const element = (name, attributes = {}, ...children) => {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
};

// A description's text: what stands between backquotes is code.
const prose = (text) => text.split("`").map((piece, n) => (n % 2 ? element("code", {}, piece) : piece));

let description;
const follow = (schema) => {
  if (!schema?.$ref) return schema ?? {};
  return schema.$ref.slice(2).split("/").reduce((at, name) => at[name.replaceAll("~1", "/").replaceAll("~0", "~")], description);
};

// All fields of a schema, those of its parts included.
const fieldsOf = (schema) => {
  const whole = follow(schema);
  const parts = (whole.allOf ?? []).map(fieldsOf);
  const own = { properties: whole.properties ?? {}, required: whole.required ?? [] };
  return [...parts, own].reduce((all, part) => ({
    properties: { ...all.properties, ...part.properties },
    required: [...all.required, ...part.required],
  }), { properties: {}, required: [] });
};

const typeOf = (schema) => {
  const whole = follow(schema);
  if (whole.oneOf) return whole.oneOf.map(typeOf).join(" or ");
  if (whole.enum) return whole.enum.map((word) => JSON.stringify(word)).join(", ");
  const type = Array.isArray(whole.type) ? whole.type.join(" or ") : whole.type ?? "object";
  return type.includes("array") ? `list of ${typeOf(whole.items)}` : whole.format ? `${type} (${whole.format})` : type;
};

const exampleOf = (schema, depth = 0) => {
  const whole = follow(schema);
  if (whole.example !== undefined) return whole.example;
  if (whole.examples?.length) return whole.examples[0];
  if (whole.default !== undefined) return whole.default;
  if (whole.oneOf) return exampleOf(whole.oneOf.at(-1), depth);
  if (whole.enum) return whole.enum[0];
  const type = [whole.type].flat().find((one) => one !== "null");
  if (type === "array") return [exampleOf(whole.items, depth + 1)];
  if (type === "integer" || type === "number") return whole.minimum ?? 0;
  if (type === "boolean") return false;
  if (type === "string") return "";
  const { properties, required } = fieldsOf(whole);
  const names = depth > 3 ? [] : Object.keys(properties).filter((name) => required.includes(name));
  return Object.fromEntries(names.map((name) => [name, exampleOf(properties[name], depth + 1)]));
};

const fieldTable = (schema) => {
  const { properties, required } = fieldsOf(schema);
  const rows = Object.entries(properties).map(([name, field]) => element("tr", {},
    element("td", {}, element("code", {}, name), required.includes(name) ? "" : " (optional)"),
    element("td", {}, typeOf(field)),
    element("td", {}, ...prose(field.description ?? follow(field).description ?? ""))));
  return element("table", {}, element("tbody", {}, ...rows));
};

const bodyOf = (holder) => holder?.content?.["application/json"]?.schema;

const credentials = () => {
  const value = (id) => document.getElementById(id).value.trim();
  if (value("token")) return { Authorization: `Bearer ${value("token")}` };
  if (value("key")) return { "X-Pulse-Key": value("key"), "X-Pulse-Secret": value("secret") };
  return {};
};

const send = async (method, path, inputs, text, shown) => {
  let place = path;
  const query = new URLSearchParams();
  const headers = credentials();
  for (const [parameter, input] of inputs) {
    const value = input.value.trim();
    if (parameter.in === "path") place = place.replace(`{${parameter.name}}`, encodeURIComponent(value));
    else if (value && parameter.in === "query") query.set(parameter.name, value);
    else if (value) headers[parameter.name] = value;
  }
  if (text !== undefined) headers["Content-Type"] = "application/json";
  shown.textContent = "…";
  try {
    const address = query.size ? `${place}?${query}` : place;
    const answer = await fetch(address, { method: method.toUpperCase(), headers, body: text });
    const body = await answer.text();
    let pretty = body;
    try { pretty = JSON.stringify(JSON.parse(body), null, 2); } catch { /* it is no JSON */ }
    shown.textContent = `${answer.status} ${answer.statusText}\nX-Request-Id: ${answer.headers.get("x-request-id")}\n\n${pretty}`;
  } catch (error) {
    shown.textContent = `The request failed: ${error}`;
  }
};

const tryIt = (method, path, operation) => {
  const inputs = (operation.parameters ?? []).map((parameter) => [parameter, element("input", { autocomplete: "off" })]);
  const body = bodyOf(operation.requestBody);
  const text = body && element("textarea", { "aria-label": "Body", spellcheck: "false" });
  if (text) text.value = JSON.stringify(exampleOf(body), null, 2);
  const shown = element("pre", { "aria-live": "polite" }, "Not sent yet.");
  const button = element("button", { type: "button" }, "Send");
  button.addEventListener("click", () => send(method, path, inputs, text?.value, shown));
  const labels = inputs.map(([parameter, input]) => element("label", {}, `${parameter.name} (${parameter.in})`, input));
  return [element("h3", {}, "Try it"), ...labels, ...(text ? [text] : []), element("div", {}, button), shown];
};

const operationView = (method, path, operation) => {
  const made = element("div", {});
  if (operation.description) made.append(element("p", {}, ...prose(operation.description)));
  const body = bodyOf(operation.requestBody);
  if (body) made.append(element("h3", {}, "Body"), fieldTable(body));
  for (const [status, response] of Object.entries(operation.responses)) {
    const whole = follow(response);
    made.append(element("h3", {}, `Answer ${status}`), element("p", {}, ...prose(whole.description ?? "")));
    if (bodyOf(whole)) made.append(fieldTable(bodyOf(whole)));
  }
  made.append(...tryIt(method, path, operation));
  return made;
};

const show = () => {
  document.getElementById("about").replaceChildren(...prose(description.info.description));
  const groups = new Map();
  for (const [path, operations] of Object.entries(description.paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      const tag = operation.tags?.[0] ?? "other";
      groups.set(tag, [...(groups.get(tag) ?? []), { path, method, operation }]);
    }
  }
  // What operators need comes after what everybody does.
  const last = (tag) => Number(tag === "operators");
  for (const [tag, entries] of [...groups].sort(([a], [b]) => last(a) - last(b))) {
    const section = element("section", {}, element("h2", {}, tag));
    const list = element("div", {}, element("h2", {}, tag));
    for (const { path, method, operation } of entries) {
      const summary = element("summary", {}, element("span", { class: `method ${method}` }, method),
        element("code", {}, path), element("span", {}, ...prose(operation.summary ?? "")));
      const details = element("details", { class: "operation", id: operation.operationId }, summary);
      details.addEventListener("toggle", () => {
        if (details.open && details.children.length === 1) details.append(operationView(method, path, operation));
      });
      const link = element("a", { href: `#${operation.operationId}` }, ...prose(operation.summary ?? path));
      link.addEventListener("click", () => { details.open = true; });
      section.append(details);
      list.append(link);
    }
    document.getElementById("operations").append(section);
    document.getElementById("contents").append(list);
  }
};

// An address that names an operation opens it.
const openNamed = () => {
  const named = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (named instanceof HTMLDetailsElement) {
    named.open = true;
    named.scrollIntoView();
  }
};

description = await (await fetch("/openapi.json")).json();
show();
openNamed();
