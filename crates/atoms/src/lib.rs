//! What molecules and crystals are made of: elements, and compositions as chemists write them.

pub mod element;
pub mod formula;
