/* Makes pages quicker to use; every action also works without it. No business rule lives here. */
(function () {
  "use strict";

  function each(selector, act, within) {
    Array.prototype.forEach.call((within || document).querySelectorAll(selector), act);
  }

  function isTyping(target) {
    return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
  }

  /* Theme: the button exists only with script, the choice is kept in this browser. */
  function switchTheme() {
    var root = document.documentElement;
    var next = root.getAttribute("data-bs-theme") === "dark" ? "light" : "dark";
    root.setAttribute("data-bs-theme", next);
    try {
      window.localStorage.setItem("theme", next);
    } catch (refused) {
      return;
    }
  }

  /* Keyboard: j and k walk the rows of a list by their links, so focus and reading order stay the browser's own. */
  function step(by) {
    var links = Array.prototype.slice.call(document.querySelectorAll("[data-rows] a[data-open]"));
    if (!links.length) {
      return;
    }
    var at = links.indexOf(document.activeElement);
    var to = at < 0 ? (by > 0 ? 0 : links.length - 1) : Math.min(Math.max(at + by, 0), links.length - 1);
    links[to].focus();
    links[to].scrollIntoView({ block: "nearest" });
  }

  /* The slash leads to the search box of the page, or on a phone, where it is folded, to the page of it. */
  function seek() {
    var boxes = Array.prototype.slice.call(document.querySelectorAll("[data-search]"));
    var box = boxes.filter(function (one) {
      return one.offsetParent;
    })[0];
    if (box) {
      box.focus();
      box.select();
    }
    return Boolean(box);
  }

  function press(name) {
    var button = document.querySelector("[data-key='" + name + "']");
    if (button && !button.disabled) {
      button.click();
      return true;
    }
    return false;
  }

  /* Enter in an entry form leads to the next input; in the last cell of the lines it asks for one more line. */
  function leadOn(event) {
    var form = event.target.closest("form[data-entry]");
    if (!form || event.target.tagName !== "INPUT") {
      return false;
    }
    var lines = event.target.closest("#goods-lines");
    var inputs = Array.prototype.slice.call((lines || form).querySelectorAll("input:not([type=hidden]):not([readonly])"));
    var next = inputs[inputs.indexOf(event.target) + 1];
    if (next) {
      next.focus();
    } else if (lines) {
      lines.querySelector("[data-more]").click();
    }
    return true;
  }

  document.addEventListener("keydown", function (event) {
    if (event.key === "Enter" && !event.ctrlKey && !event.metaKey && !event.isComposing && leadOn(event)) {
      event.preventDefault();
      return;
    }
    if (event.ctrlKey || event.metaKey) {
      var name = event.key === "Enter" ? "file" : event.key === "s" ? "draft" : "";
      if (name && press(name)) {
        event.preventDefault();
      }
      return;
    }
    if (event.key === "Escape") {
      each("details.menu[open]", function (open) {
        open.open = false;
        open.querySelector("summary").focus();
      });
      return;
    }
    if (event.altKey || isTyping(event.target)) {
      return;
    }
    if (event.key === "/" && seek()) {
      event.preventDefault();
      return;
    }
    if (event.key === "j" || event.key === "k") {
      step(event.key === "j" ? 1 : -1);
    }
  });

  document.addEventListener("click", function (event) {
    each("details.menu[open]", function (open) {
      if (!open.contains(event.target)) {
        open.open = false;
      }
    });
    if (event.target.closest("[data-theme-switch]")) {
      switchTheme();
    }
    if (event.target.closest("[data-print]")) {
      window.print();
    }
    var copies = event.target.closest("[data-copy]");
    if (copies) {
      navigator.clipboard.writeText(document.getElementById(copies.dataset.copy).textContent).then(function () {
        copies.querySelector("[data-copied]").textContent = copies.dataset.done;
      });
    }
  });

  /* A form is sent once: a second press while the first is on its way does nothing. */
  document.addEventListener("submit", function (event) {
    var form = event.target;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    if (form.method === "post" && !form.hasAttribute("hx-post") && !form.hasAttribute("data-again")) {
      form.dataset.sent = "1";
    }
  });
  window.addEventListener("pageshow", function () {
    each("form[data-sent]", function (form) {
      delete form.dataset.sent;
    });
  });

  /* Form lines: the sum of a row and of the order while typing; the server computes them again. */
  function cents(input) {
    var text = input ? input.value.replace(/,/g, "").trim() : "";
    return /^\d+(\.\d+)?$/.test(text) ? Math.round(parseFloat(text) * 100000) : text ? NaN : null;
  }

  /* What is no number, or more than is counted exactly, has no sum to show. */
  function shown(amount) {
    if (!Number.isSafeInteger(amount)) {
      return "—";
    }
    var digits = (amount / 100000).toFixed(5).replace(/0{1,3}$/, "");
    var pieces = digits.split(".");
    return pieces[0].replace(/\B(?=(\d{3})+$)/g, ",") + "." + pieces[1];
  }

  function sum() {
    each("[data-sum]", function (place) {
      var total = 0;
      var terms = place.dataset.sum.split(" ");
      terms.forEach(function (term) {
        var sign = term.charAt(0) === "-" ? -1 : 1;
        each("[data-field='" + term.replace(/^[+-]/, "") + "']", function (input) {
          var amount = cents(input);
          total += amount === null ? 0 : sign * amount;
        });
      });
      place.textContent = shown(total);
    });
  }

  function wake(within) {
    each("[data-theme-switch], [data-print]", function (button) {
      button.hidden = false;
    }, within);
    each("[data-copy]", function (button) {
      button.hidden = !navigator.clipboard;
    }, within);
    tellWide();
  }

  /* A table wider than its card says so, as a scrollbar may not be seen before it is used. */
  function tellWide() {
    each("[data-wide]", function (hint) {
      var table = hint.closest("section").querySelector(".scroll-x");
      hint.hidden = table.scrollWidth <= table.clientWidth;
    });
  }
  window.addEventListener("resize", tellWide);

  /* On a phone the filters of a list are folded until asked for; without script they stand open. */
  function fold() {
    each("[data-fold]", function (filters) {
      filters.removeAttribute("data-fold");
      filters.open = !window.matchMedia("(max-width: 767px)").matches;
    });
  }

  /* A page that asks again by itself: not while nobody looks, and the reader keeps the place and the focus. */
  var held = null;
  function polls(event) {
    return /every/.test(event.target.getAttribute("hx-trigger") || "");
  }
  document.addEventListener("htmx:beforeRequest", function (event) {
    if (polls(event) && document.hidden) {
      event.preventDefault();
    }
  });
  /* What is being clicked is not taken away between press and release, which would lose the click; the next answer will do. */
  var pressed = false;
  document.addEventListener("pointerdown", function () {
    pressed = true;
  });
  ["pointerup", "pointercancel"].forEach(function (end) {
    document.addEventListener(end, function () {
      pressed = false;
    });
  });
  document.addEventListener("htmx:beforeSwap", function (event) {
    if (pressed && polls(event)) {
      event.detail.shouldSwap = false;
      return;
    }
    var active = document.activeElement;
    held = null;
    if (active && active !== document.body && !active.id && event.target.contains(active)) {
      held = { tag: active.tagName, href: active.getAttribute("href"), text: active.textContent };
    }
  });
  document.addEventListener("htmx:afterSettle", function () {
    wake(document);
    fold();
    if (held && document.activeElement === document.body) {
      each(held.tag, function (same) {
        if (held && same.getAttribute("href") === held.href && same.textContent === held.text) {
          held = null;
          same.focus({ preventScroll: true });
        }
      });
    }
    held = null;
  });
  document.addEventListener("htmx:afterSettle", function (event) {
    var first = event.target.id === "entry" && event.target.querySelector("[data-focus]");
    if (first) {
      first.focus();
    }
  });

  /* A form that was refused whole (its page is too old, or was opened for another enterprise): what the page of the
     refusal says is said above the form, and what was typed stays. */
  document.addEventListener("htmx:responseError", function (event) {
    var page = new DOMParser().parseFromString(event.detail.xhr.responseText, "text/html");
    var main = document.getElementById("main");
    if (polls(event) || !page.querySelector("main .card h1")) {
      return;
    }
    each("#refused", function (before) {
      before.remove();
    });
    var note = document.createElement("div");
    var words = note.appendChild(document.createElement("div"));
    each("main .card h1, main .card p:not(.line)", function (said) {
      words.appendChild(document.createElement(said.tagName === "H1" ? "b" : "p")).textContent = said.textContent;
    }, page);
    note.id = "refused";
    note.className = "note note-bad";
    note.setAttribute("role", "alert");
    main.insertBefore(note, main.firstChild);
    note.scrollIntoView({ block: "center" });
  });

  function begin() {
    wake(document);
    fold();
    each("[data-keys]", function (hint) {
      hint.hidden = !document.querySelector("[data-rows] a[data-open]");
    });
    each("[data-auto]", function (control) {
      control.hidden = true;
    });
    var summary = document.querySelector("[data-focus]");
    if (summary) {
      summary.focus();
    }
    sum();
  }

  /* The total of a line is offered from price and quantity, as long as nobody has typed another. */
  function offer(input) {
    var row = input.closest("#goods-lines tr");
    var total = row && row.querySelector("[data-field='total_price']");
    var price = row && cents(row.querySelector("[data-field='price']"));
    var quantity = row && cents(row.querySelector("[data-field='qty']"));
    if (!total || input === total || (total.value && total.value !== total.dataset.offered)) {
      return;
    }
    var product = price === null || quantity === null ? NaN : Math.round((price / 100000) * quantity);
    if (!Number.isSafeInteger(product)) {
      return;
    }
    total.value = (product / 100000).toFixed(5).replace(/0{1,3}$/, "");
    total.dataset.offered = total.value;
  }

  document.addEventListener("input", function (event) {
    if (event.target.matches("[data-field='price'], [data-field='qty']")) {
      offer(event.target);
    }
    if (event.target.closest("[data-field]")) {
      sum();
    }
  });
  document.addEventListener("htmx:afterSettle", sum);
  if (document.readyState === "loading") {
    document.addEventListener("DOMContentLoaded", begin);
  } else {
    begin();
  }
})();
