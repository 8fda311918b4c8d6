// Keeps the page up to date: the server sends its parts as it would have shown them, and only what has changed is put
// in its place. Without this script the page is as it was when it was loaded.
"use strict";
(() => {
  const live = document.getElementById("live");
  if (!live || !window.EventSource) return;
  const shown = new Map();
  const say = (on) => {
    live.textContent = on ? "live" : "not connected: this is as of then";
    live.classList.toggle("on", on);
  };
  // Whoever has marked a text, to copy it, keeps it.
  const isMarked = (place) => {
    const marked = window.getSelection();
    return marked && !marked.isCollapsed && place.contains(marked.anchorNode);
  };
  const put = (place, fill) => {
    if (isMarked(place)) return false;
    // So does whoever goes through it by keys, and whoever has moved a wide table.
    const stops = () => [...place.querySelectorAll("a, [tabindex]")];
    const at = stops().indexOf(document.activeElement);
    const moved = [...place.querySelectorAll(".wide")].map((wide) => wide.scrollLeft);
    fill();
    place.querySelectorAll(".wide").forEach((wide, nth) => { wide.scrollLeft = moved[nth] || 0; });
    if (at >= 0) stops()[at]?.focus({ preventScroll: true });
    return true;
  };
  const parts = (all) => {
    for (const [id, html] of Object.entries(all)) {
      const place = document.getElementById(id);
      if (place && shown.get(id) !== html && put(place, () => { place.innerHTML = html; })) shown.set(id, html);
    }
  };
  // The page of a run is no part of what is sent: it is asked for when there is news.
  let asking = false;
  const again = async () => {
    if (asking) return;
    asking = true;
    try {
      const answer = await fetch(location.href, { cache: "no-store" });
      const text = answer.ok ? await answer.text() : "";
      const fresh = text && new DOMParser().parseFromString(text, "text/html").getElementById("main");
      const main = document.getElementById("main");
      if (fresh && main.innerHTML !== fresh.innerHTML) put(main, () => { main.replaceChildren(...fresh.childNodes); });
    } catch {
      // The stream says whether the server is there.
    } finally {
      asking = false;
    }
  };
  const stream = new EventSource("/events");
  stream.addEventListener("open", () => say(true));
  stream.addEventListener("error", () => say(false));
  stream.addEventListener("parts", (event) => {
    if (document.getElementById("moment")) parts(JSON.parse(event.data));
    else again();
  });
})();
