"""Processes in the browser: made, tried, published and watched by those who own them."""
