"""Control: higher-order primitives, whose parameters are jaxprs."""
