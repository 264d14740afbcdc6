"""The operations of the API, a module for each kind of thing. What stands here is an operation once `placet.api.v1`
names its router."""
