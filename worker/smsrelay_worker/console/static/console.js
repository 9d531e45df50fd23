// What the pages can do beyond HTML: renew their numbers, focus the search by "/", tick all boxes. They work without it.
"use strict";

const live = document.querySelector("[data-live]");
const bar = document.querySelector("[data-live-bar]");
let paused = false;
let lost = false;

function show() {
  if (!bar) return;
  const state = bar.querySelector("[data-live-state]");
  const toggle = bar.querySelector("[data-live-toggle]");
  bar.hidden = false;
  state.textContent = paused ? state.dataset.off : lost ? state.dataset.lost : state.dataset.on;
  toggle.textContent = paused ? toggle.dataset.goOn : toggle.dataset.pause;
}

// Where the keyboard is: found again by its id, or by where a link leads.
function focused() {
  const one = document.activeElement;
  if (!one || !live.contains(one)) return null;
  if (one.id) return "#" + CSS.escape(one.id);
  const target = one.getAttribute("href");
  return target ? `[href="${CSS.escape(target)}"]` : "";
}

function mayReplace() {
  if (paused || document.hidden) return false;
  const selection = document.getSelection();
  if (selection && !selection.isCollapsed && live.contains(selection.anchorNode)) return false;
  const one = document.activeElement;
  return !(one && live.contains(one) && one.matches("input, select, textarea"));
}

async function renew() {
  try {
    const answer = await fetch(live.dataset.live, { headers: { "X-Fragment": "1" }, cache: "no-store", redirect: "error" });
    if (answer.status === 401 || answer.status === 403) {
      location.reload();
      return false;
    }
    const text = await answer.text();
    lost = !answer.ok && !text.trim();
    if (text.trim() && mayReplace()) {
      const place = focused();
      live.innerHTML = text;
      if (place) live.querySelector(place)?.focus({ preventScroll: true });
    }
  } catch {
    lost = true;
  }
  return true;
}

async function keepRenewing() {
  for (;;) {
    await new Promise((resume) => setTimeout(resume, 1000 * Number(live.dataset.every || 3)));
    if (!mayReplace()) continue;
    if (!(await renew())) return;
    show();
    if (live.querySelector("[data-live-end]")) {
      if (bar) bar.hidden = true;
      return;
    }
  }
}

if (live && !live.querySelector("[data-live-end]")) {
  show();
  if (bar) {
    bar.querySelector("[data-live-toggle]").addEventListener("click", () => {
      paused = !paused;
      show();
    });
  }
  keepRenewing();
}

document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches("input, select, textarea")) return;
  const search = document.querySelector("[data-search]");
  if (search) {
    event.preventDefault();
    search.focus();
  }
});

// A box that ticks all boxes of its form.
for (const all of document.querySelectorAll("[data-tick-all]")) {
  all.closest("label, th, td").hidden = false;
  all.addEventListener("change", () => {
    for (const one of all.form.querySelectorAll(`input[type="checkbox"][name="${all.dataset.tickAll}"]`)) one.checked = all.checked;
  });
}

// A search that has not ended goes on by itself; not when somebody comes back to it.
const unfinished = document.querySelector("form[data-go-on]");
const [arrival] = performance.getEntriesByType("navigation");
if (unfinished && arrival?.type !== "back_forward") unfinished.requestSubmit();
