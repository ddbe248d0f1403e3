"use strict";
(() => {
  const $ = (selector, from = document) => from.querySelector(selector);
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];

  // Tells the server the browser's time zone, so that it writes times as clocks here show them.
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone && !document.cookie.split("; ").includes("tz=" + encodeURIComponent(zone))) {
    document.cookie = "tz=" + encodeURIComponent(zone) + "; path=/; max-age=31536000; samesite=lax";
  }

  // What a form has done is said once.
  const here = new URL(location.href);
  if (here.searchParams.has("said")) {
    ["said", "n", "off"].forEach((name) => here.searchParams.delete(name));
    history.replaceState(null, "", here);
  }

  // A form is sent once, however often its button is pressed.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method === "dialog" || form.hasAttribute("data-download")) return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "1";
    setTimeout(() => delete form.dataset.sent, 4000);
  });

  const links = all("[data-link]");
  links.forEach((link) => { if (link.textContent.startsWith("/")) link.textContent = location.origin + link.textContent; });

  // The inbox: one line is current; keys move through the lines and act on the chosen ones.
  const inbox = $("[data-inbox]");
  const rows = all("[data-row]");
  let current = -1;
  const go = (to) => {
    if (!rows.length) return;
    if (rows[current]) rows[current].classList.remove("current");
    current = Math.max(0, Math.min(rows.length - 1, to));
    rows[current].classList.add("current");
    $("a", rows[current]).focus({ preventScroll: true });
    rows[current].scrollIntoView({ block: "nearest" });
  };
  rows.forEach((row, at) => row.addEventListener("focusin", () => {
    if (rows[current]) rows[current].classList.remove("current");
    current = at;
    row.classList.add("current");
  }));
  const choose = (row) => {
    const box = $("input[type=checkbox]", row);
    box.checked = !box.checked;
    row.classList.toggle("chosen", box.checked);
  };
  rows.forEach((row) => $("input", row).addEventListener("change", (event) => row.classList.toggle("chosen", event.target.checked)));

  const move = (to) => {
    if (inbox) {
      if (!rows.some((row) => $("input", row).checked) && rows[current]) choose(rows[current]);
      const select = $("select[name=to]", inbox);
      if (![...select.options].some((option) => option.value === to)) return;
      select.value = to;
      $("input[name=why]", inbox).focus();
      return;
    }
    const form = $("[data-move]");
    const button = form && $(`[data-to="${to}"]`, form);
    if (!button) return;
    all("[data-to]", form).forEach((other) => other.classList.toggle("main", other === button));
    // Enter in the reason presses the button that the key chose.
    form.prepend(Object.assign(document.createElement("input"), { type: "submit", hidden: true, name: "to", value: to, className: "key-chosen" }));
    all(".key-chosen", form).slice(1).forEach((older) => older.remove());
    $("input[name=why]", form).focus();
  };

  const keys = $("[data-keys]");
  all("[data-help]").forEach((button) => { button.classList.remove("scripted"); button.addEventListener("click", () => keys.showModal()); });
  let after = "";
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || (keys && keys.open)) return;
    const field = event.target.closest("input:not([type=checkbox]), select, textarea");
    if (field) {
      if (event.key === "Escape") field.blur();
      return;
    }
    const key = event.key;
    if (after === "g") {
      after = "";
      const entry = $(`[data-go="${CSS.escape(key)}"]`);
      if (entry) location.href = entry.href;
      return;
    }
    const act = {
      j: () => go(current + 1),
      k: () => go(current - 1),
      x: () => rows[current] && choose(rows[current]),
      o: () => rows[current] && $("a", rows[current]).click(),
      a: () => move("acknowledged"),
      c: () => move("confirmed"),
      f: () => move("false_positive"),
      u: () => $("[data-up]") && (location.href = $("[data-up]").href),
      g: () => { after = "g"; setTimeout(() => { after = ""; }, 1500); },
      "/": () => $("[data-search]") && $("[data-search]").focus(),
      "?": () => keys && keys.showModal(),
    }[key];
    if (act) { event.preventDefault(); act(); }
  });

  // A part that takes a while is loaded where it belongs.
  all("[data-load]").forEach((link) => link.addEventListener("click", async (event) => {
    event.preventDefault();
    const place = link.parentElement.querySelector("[data-loaded]");
    place.textContent = "…";
    const answer = await fetch(link.href);
    const part = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-part]");
    if (answer.ok && part) place.replaceChildren(...part.childNodes); else location.href = link.href;
  }));

  // Two people on one case see each other's moves.
  const page = $("[data-case]");
  if (page) {
    const look = async () => {
      if (document.hidden) return;
      const answer = await fetch(page.dataset.versionAt);
      if (answer.ok && !answer.redirected && (await answer.text()) !== page.dataset.version) {
        $("[data-stale]").hidden = false;
        clearInterval(timer);
      }
    };
    const timer = setInterval(() => look().catch(() => {}), 10000);
    document.addEventListener("visibilitychange", () => look().catch(() => {}));
  }
})();
