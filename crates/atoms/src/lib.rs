//! What molecules and crystals are made of and asked for: elements, compositions as chemists write them, properties.

pub mod element;
pub mod formula;
pub mod property;
