"""Sends somebody who did not handle or report it to verify a case or check an order; owns inspections."""
