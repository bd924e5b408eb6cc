//! Finished fields of a run that is not: a long one goes on where it was stopped.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use langevin_files::write_whole;
use ndarray::Array2;

use super::frames::FillError;
use crate::{bad_input, refused};

/// What the run is, in its folder.
const JOB: &str = "job.json";

/// A folder with a file for each finished field.
pub struct Partial {
    folder: PathBuf,
}

impl Partial {
    /// The folder beside `out`, begun or gone on with; `job` says what is made, and must be as it was.
    ///
    /// # Errors
    /// If the folder is another job's, or cannot be written.
    pub fn open(out: &Path, job: &str) -> Result<Self> {
        let mut name = out.as_os_str().to_owned();
        name.push(".partial");
        let folder = PathBuf::from(name);
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))
            .map_err(bad_input)?;
        let path = folder.join(JOB);
        match fs::read_to_string(&path) {
            Ok(found) if found == job => {}
            Ok(_) => {
                let folder = folder.display();
                return refused(format!(
                    "{folder}: found fields of another input or other options, allowed: those of this run; remove the \
                     folder, or choose another --out"
                ));
            }
            Err(_) => write_whole(&path, job.as_bytes())?,
        }
        langevin_files::sweep(&folder);
        Ok(Self { folder })
    }

    fn path(&self, (time, member): (usize, usize)) -> PathBuf {
        self.folder.join(format!("step{}_member{}.f32", time + 1, member + 1))
    }

    /// The fields of some members at a step, all from 0: those that are there, and those that `frames` makes, which are kept.
    ///
    /// # Errors
    /// Those of `frames`, or if a field cannot be kept.
    pub fn completed(
        &self,
        time: usize,
        members: &[usize],
        shape: (usize, usize),
        frames: &mut impl FnMut(usize, &[usize]) -> Result<Vec<Array2<f32>>, FillError>,
    ) -> Result<Vec<Array2<f32>>, FillError> {
        let found = members.iter().map(|&member| self.take((time, member), shape));
        let found: Vec<Option<Array2<f32>>> = found.collect();
        let missing = members.iter().zip(&found).filter(|(_, found)| found.is_none());
        let missing: Vec<usize> = missing.map(|(&member, _)| member).collect();
        let mut made = frames(time, &missing)?.into_iter();
        let mut all = Vec::with_capacity(members.len());
        for (&member, found) in members.iter().zip(found) {
            all.push(match found {
                Some(field) => field,
                None => {
                    let field = made.next().expect("one for each that is missing");
                    self.keep((time, member), &field)?;
                    field
                }
            });
        }
        Ok(all)
    }

    fn take(&self, place: (usize, usize), shape: (usize, usize)) -> Option<Array2<f32>> {
        let bytes = fs::read(self.path(place)).ok()?;
        let number = |bytes: &[u8]| f32::from_le_bytes(bytes.try_into().expect("four of them"));
        Array2::from_shape_vec(shape, bytes.chunks_exact(4).map(number).collect()).ok()
    }

    fn keep(&self, place: (usize, usize), field: &Array2<f32>) -> Result<(), FillError> {
        let bytes: Vec<u8> = field.iter().flat_map(|x| x.to_le_bytes()).collect();
        Ok(write_whole(&self.path(place), &bytes)?)
    }

    /// Removes the folder: what it held is in the output.
    pub fn finish(self) {
        // What cannot be removed costs disk space only.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_fields_are_not_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("fine.nc");
        let field = |member: usize| Array2::from_elem((2, 3), 0.1 + member as f32);
        let mut asked = Vec::new();
        for members in [&[1][..], &[0, 1, 2], &[0, 1, 2]] {
            let partial = Partial::open(&out, "job").unwrap();
            let mut frames = |_: usize, members: &[usize]| {
                asked.push(members.to_vec());
                Ok(members.iter().map(|&member| field(member)).collect())
            };
            let all = partial.completed(4, members, (2, 3), &mut frames).unwrap();
            let right = members.iter().zip(&all).all(|(&member, made)| *made == field(member));
            assert!(right && all.len() == members.len());
        }
        assert_eq!(asked, [vec![1], vec![0, 2], vec![]]);
        assert!(Partial::open(&out, "another job").is_err());
        Partial::open(&out, "job").unwrap().finish();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
