mod grammar;
mod requests;
mod upstreams;
